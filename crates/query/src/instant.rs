//! Instants as people write them.

use chrono::{DateTime, Datelike, SecondsFormat, Utc};

/// 0001-01-01T00:00:00Z.
pub(crate) const FIRST: i64 = -62_135_596_800_000_000;
/// 9999-12-31T23:59:59.999999Z.
pub(crate) const LAST: i64 = 253_402_300_799_999_999;

/// From here on, in magnitude, an integer epoch is milliseconds; below it, seconds.
const FIRST_MILLISECOND_EPOCH: u64 = 100_000_000_000;

/// Reads RFC 3339, the same without an offset (UTC), or a date alone (midnight UTC). Microseconds since the
/// epoch, finer digits cut off; `None` for any other text and outside the years 0001 to 9999.
pub fn parse_instant(text: &str) -> Option<i64> {
    let at = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_rfc3339(&format!("{text}Z")))
        .or_else(|_| DateTime::parse_from_rfc3339(&format!("{text}T00:00:00Z")))
        .ok()?
        .to_utc();
    (1..=9999).contains(&at.year()).then(|| at.timestamp_micros())
}

/// Reads an integer epoch: seconds, or milliseconds from 10^11 in magnitude. Microseconds since the epoch;
/// `None` outside the years 0001 to 9999.
pub fn instant_from_epoch(epoch: i64) -> Option<i64> {
    let unit = if epoch.unsigned_abs() < FIRST_MILLISECOND_EPOCH {
        1_000_000
    } else {
        1_000
    };
    epoch.checked_mul(unit).filter(|micros| (FIRST..=LAST).contains(micros))
}

/// RFC 3339 in UTC, with a fraction only where it is not zero.
pub fn format_instant(micros: i64) -> String {
    to_utc(micros).to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// As a calendar instant; what lies outside the years 0001 to 9999 becomes the nearest instant inside.
pub(crate) fn to_utc(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros.clamp(FIRST, LAST)).expect("chrono holds the years 0001 to 9999")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;

    #[test]
    fn the_bounds_are_those_of_the_years_1_and_9999() {
        assert_eq!(parse_instant("0001-01-01"), Some(FIRST));
        assert_eq!(parse_instant("9999-12-31T23:59:59.999999Z"), Some(LAST));
        assert_eq!(parse_instant("0000-12-31"), None);
        assert_eq!(parse_instant("9999-12-31T23:59:59-01:00"), None);
    }

    #[test]
    fn an_offset_is_applied_and_its_absence_means_utc() {
        assert_eq!(parse_instant("1970-01-02T01:00:00+01:00"), Some(DAY));
        assert_eq!(parse_instant("1970-01-02T00:00:00"), Some(DAY));
        assert_eq!(parse_instant("1970-01-02T00:00:00.5"), Some(DAY + 500_000));
        assert_eq!(parse_instant("1970-01-02"), Some(DAY));
    }

    #[test]
    fn text_that_is_no_instant_gives_none() {
        for text in [
            "",
            "today",
            "5",
            "2000-1-1",
            "2000-02-30",
            "2000-01-01T10:00",
            "+2000-01-01",
            "2000-01-01 ",
        ] {
            assert_eq!(parse_instant(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_epoch_of_eleven_digits_is_seconds_and_of_twelve_milliseconds() {
        assert_eq!(instant_from_epoch(86_400), Some(DAY));
        assert_eq!(instant_from_epoch(-86_400), Some(-DAY));
        assert_eq!(instant_from_epoch(99_999_999_999), Some(99_999_999_999_000_000));
        assert_eq!(instant_from_epoch(100_000_000_000), Some(100_000_000_000_000));
        assert_eq!(instant_from_epoch(i64::MAX), None);
        assert_eq!(instant_from_epoch(i64::MIN), None);
    }

    #[test]
    fn a_fraction_is_printed_only_where_it_is_not_zero() {
        assert_eq!(format_instant(DAY), "1970-01-02T00:00:00Z");
        assert_eq!(format_instant(DAY + 500_000), "1970-01-02T00:00:00.500Z");
        assert_eq!(format_instant(i64::MIN), "0001-01-01T00:00:00Z");
    }
}
