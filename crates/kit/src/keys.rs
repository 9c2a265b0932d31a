//! The mesh's one secret, and the keys derived from it.
//!
//! Every use gets a key of its own (HMAC-SHA-256 of a label), so that a tracking token can never pass
//! for a caller's credential, and a hash in one table says nothing about a hash in another.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Length of the master key in bytes.
pub const MASTER_KEY_BYTES: usize = 32;

/// The secret that all services of one mesh share.
#[derive(Clone)]
pub struct MasterKey([u8; MASTER_KEY_BYTES]);

impl MasterKey {
    /// Wraps key material.
    pub const fn new(bytes: [u8; MASTER_KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads 64 hexadecimal digits, as written in the configuration.
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// The key for one use. Labels are constants; changing one makes its old hashes and tokens void.
    pub fn derive(&self, label: &str) -> Key {
        Key(mac(&self.0, label.as_bytes()))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// A key for one use.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    /// HMAC-SHA-256 of the message.
    pub fn mac(&self, message: &[u8]) -> [u8; 32] {
        mac(&self.0, message)
    }

    /// Whether `tag` is the beginning of the message's MAC. Constant time; tags under 10 bytes never are.
    pub fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        const SHORTEST_TAG: usize = 10; // 80 bits, the floor of RFC 2104 §5
        if tag.len() < SHORTEST_TAG {
            return false;
        }
        let mut mac = keyed(&self.0);
        mac.update(message);
        mac.verify_truncated_left(tag).is_ok()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// SHA-256, where no key is wanted: lookups of values that are stored in clear beside it, fingerprints.
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = keyed(key);
    mac.update(message);
    mac.finalize().into_bytes().into()
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_do_not_share_keys() {
        let master = MasterKey::new([7; 32]);
        let tag = master.derive("one").mac(b"message");
        assert!(master.derive("one").verify(b"message", &tag[..16]));
        assert!(!master.derive("two").verify(b"message", &tag[..16]));
        assert!(!master.derive("one").verify(b"message", &tag[..4]));
    }
}
