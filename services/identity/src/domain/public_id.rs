//! Keys and ids that people see: a prefix and 20 bytes in 32 characters.

use std::sync::LazyLock;

use chappe_kit::{IdGen, Timestamp};
use data_encoding::{Encoding, Specification};

/// Crockford's base 32 in lower case.
static CROCKFORD: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("0123456789abcdefghjkmnpqrstvwxyz");
    specification.encoding().expect("32 distinct symbols")
});

/// A secret: 160 random bits.
pub(crate) fn secret(prefix: &str, ids: &IdGen) -> String {
    format!("{prefix}_{}", CROCKFORD.encode(&ids.secret::<20>()))
}

/// A public id: 48 bits of milliseconds, so that ids sort by creation, then 112 random bits.
pub(crate) fn sortable(prefix: &str, ids: &IdGen, now: Timestamp) -> String {
    let mut bytes = ids.secret::<20>();
    let millis = (now.micros() / 1_000).to_be_bytes();
    bytes[..6].copy_from_slice(&millis[2..]);
    format!("{prefix}_{}", CROCKFORD.encode(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_ids_have_the_documented_shape_and_sort_by_time() {
        let ids = IdGen::system();
        let earlier = sortable("project", &ids, Timestamp::from_micros(1_000_000_000));
        let later = sortable("project", &ids, Timestamp::from_micros(1_000_001_000));
        assert_eq!(earlier.len(), "project_".len() + 32);
        assert!(earlier[.."project_".len() + 9] < later[.."project_".len() + 10]);
        assert_ne!(secret("rest", &ids), secret("rest", &ids));
    }
}
