//! The tokens of tracking links.
//!
//! `version | kind | project | message | rest | MAC`, in base64url. The rest of a click or open token is the index of
//! the link and the day it was made; that of an unsubscribe token is the keyed hash of the address, so that it works
//! after the message is erased. A token holds no address, no profile id and no URL.

use chappe_ids::{MessageId, ProjectId};
use chappe_kit::{Timestamp, keys::Key};
use data_encoding::BASE64URL_NOPAD;
use uuid::Uuid;

/// The layout of the bytes.
const VERSION: u8 = 1;
/// Octets of the MAC that travel.
const TAG_BYTES: usize = 12;
/// How many days opens and clicks are taken; opt-outs always.
pub(crate) const LIFE_DAYS: u16 = 2 * 365;
/// Octets of an [`AddressHash`].
pub(crate) const HASH_BYTES: usize = 16;

/// What stands for an address where the address itself may not be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AddressHash(pub(crate) [u8; HASH_BYTES]);

impl AddressHash {
    /// The keyed hash of an address in a project.
    pub(crate) fn of(key: &Key, project: ProjectId, address: &str) -> Self {
        let mut message = project.as_uuid().into_bytes().to_vec();
        message.extend_from_slice(chappe_query::email_key(address).as_bytes());
        let mut hash = [0; HASH_BYTES];
        hash.copy_from_slice(&key.mac(&message)[..HASH_BYTES]);
        Self(hash)
    }
}

impl AsRef<[u8]> for AddressHash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Open { day: u16 },
    Click { link: u16, day: u16 },
    Unsubscribe { address: AddressHash },
}

/// The content of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) project: ProjectId,
    pub(crate) message: MessageId,
    pub(crate) purpose: Purpose,
}

/// The day of a token made at that instant.
pub(crate) fn day(at: Timestamp) -> u16 {
    u16::try_from(at.day()).unwrap_or(u16::MAX)
}

impl Token {
    pub(crate) fn seal(&self, key: &Key) -> String {
        let mut bytes = vec![VERSION, self.purpose.code()];
        bytes.extend_from_slice(self.project.as_uuid().as_bytes());
        bytes.extend_from_slice(self.message.as_uuid().as_bytes());
        match self.purpose {
            Purpose::Open { day } => bytes.extend_from_slice(&day.to_be_bytes()),
            Purpose::Click { link, day } => {
                bytes.extend_from_slice(&link.to_be_bytes());
                bytes.extend_from_slice(&day.to_be_bytes());
            }
            Purpose::Unsubscribe { address } => bytes.extend_from_slice(&address.0),
        }
        let tag = key.mac(&bytes);
        bytes.extend_from_slice(&tag[..TAG_BYTES]);
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// The content, if the token is whole, ours and not too old.
    pub(crate) fn open(text: &str, key: &Key, now: Timestamp) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (content, tag) = bytes.split_last_chunk::<TAG_BYTES>()?;
        if !key.verify(content, tag) {
            return None;
        }
        let (head, rest) = content.split_first_chunk::<34>()?;
        let project = ProjectId::from_uuid(Uuid::from_slice(&head[2..18]).ok()?);
        let message = MessageId::from_uuid(Uuid::from_slice(&head[18..]).ok()?);
        let purpose = Purpose::read(head[0], head[1], rest)?;
        let token = Self {
            project,
            message,
            purpose,
        };
        (!purpose.is_over(now)).then_some(token)
    }
}

impl Purpose {
    const fn code(&self) -> u8 {
        match self {
            Self::Open { .. } => 1,
            Self::Click { .. } => 2,
            Self::Unsubscribe { .. } => 3,
        }
    }

    fn read(version: u8, code: u8, rest: &[u8]) -> Option<Self> {
        Some(match (version, code, rest) {
            (VERSION, 1, &[a, b]) => Self::Open {
                day: u16::from_be_bytes([a, b]),
            },
            (VERSION, 2, &[l, k, a, b]) => Self::Click {
                link: u16::from_be_bytes([l, k]),
                day: u16::from_be_bytes([a, b]),
            },
            (VERSION, 3, rest) => Self::Unsubscribe {
                address: AddressHash(rest.try_into().ok()?),
            },
            _ => return None,
        })
    }

    fn is_over(self, now: Timestamp) -> bool {
        match self {
            Self::Open { day } | Self::Click { day, .. } => i32::from(day) + i32::from(LIFE_DAYS) < now.day(),
            Self::Unsubscribe { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chappe_kit::MasterKey;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
    const YEARS: Duration = Duration::from_hours(24 * 800);

    fn key() -> Key {
        MasterKey::new([3; 32]).derive("token")
    }

    fn token(purpose: Purpose) -> Token {
        Token {
            project: ProjectId::from_uuid(Uuid::from_u128(1)),
            message: MessageId::from_uuid(Uuid::from_u128(2)),
            purpose,
        }
    }

    #[test]
    fn what_is_sealed_is_opened_for_its_purpose() {
        let day = day(NOW);
        let address = AddressHash([7; HASH_BYTES]);
        for purpose in [
            Purpose::Open { day },
            Purpose::Click { link: 513, day },
            Purpose::Unsubscribe { address },
        ] {
            let sealed = token(purpose).seal(&key());
            assert_eq!(Token::open(&sealed, &key(), NOW), Some(token(purpose)));
        }
    }

    #[test]
    fn every_changed_octet_breaks_a_token() {
        let sealed = token(Purpose::Click { link: 1, day: day(NOW) }).seal(&key());
        let bytes = BASE64URL_NOPAD.decode(sealed.as_bytes()).unwrap();
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            assert_eq!(Token::open(&BASE64URL_NOPAD.encode(&changed), &key(), NOW), None);
        }
        assert_eq!(Token::open(&sealed[..sealed.len() - 4], &key(), NOW), None);
        assert_eq!(Token::open("", &key(), NOW), None);
    }

    #[test]
    fn opt_outs_outlive_every_other_link() {
        let click = token(Purpose::Click { link: 0, day: day(NOW) }).seal(&key());
        assert_eq!(Token::open(&click, &key(), NOW + YEARS), None);
        let opt_out = token(Purpose::Unsubscribe {
            address: AddressHash([0; HASH_BYTES]),
        })
        .seal(&key());
        assert!(Token::open(&opt_out, &key(), NOW + YEARS).is_some());
    }

    #[test]
    fn one_address_has_one_hash_per_project() {
        let (a, b) = (
            ProjectId::from_uuid(Uuid::from_u128(1)),
            ProjectId::from_uuid(Uuid::from_u128(2)),
        );
        let hash = |project, address| AddressHash::of(&key(), project, address);
        assert_eq!(hash(a, "Ann@Example.com"), hash(a, "ann@example.COM"));
        assert_ne!(hash(a, "ann@example.com"), hash(b, "ann@example.com"));
    }
}
