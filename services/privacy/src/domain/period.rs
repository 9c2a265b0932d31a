//! From when on a profile counts as inactive.

use chappe_kit::{Error, ErrorKind, Timestamp};
use chappe_query::{CalendarSpan, Unit};

/// The instant before which a last activity makes inactive: the period before `as_of`, months on the UTC calendar.
pub(crate) fn cutoff(period: &str, as_of: Timestamp) -> Result<Timestamp, Error> {
    if period == "off" {
        return Err(Error::new(
            ErrorKind::FailedPrecondition,
            "INACTIVITY_OFF",
            "the inactivity period of this project is off: set inactivity.period of the Project resource, such as 13mo",
        ));
    }
    let span: CalendarSpan = period.parse().map_err(Error::internal)?;
    if is_too_short(span) {
        return Err(Error::new(
            ErrorKind::FailedPrecondition,
            "INACTIVITY_PERIOD_TOO_SHORT",
            format!("the inactivity period of this project is {period}; nothing is deleted under 30d"),
        ));
    }
    Ok(Timestamp::from_micros(span.before(as_of.micros())))
}

/// Whether the period is under 30 days, a month being as long as its longest.
fn is_too_short(span: CalendarSpan) -> bool {
    let enough = match span.unit() {
        Unit::Minute => 30 * 24 * 60,
        Unit::Hour => 30 * 24,
        Unit::Day => 30,
        Unit::Week => 5,
        Unit::Month | Unit::Year => 1,
    };
    span.amount() < enough
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_micros(chappe_query::parse_instant(text).unwrap())
    }

    #[test]
    fn months_are_counted_on_the_calendar_and_end_at_their_last_day() {
        assert_eq!(cutoff("13mo", at("1998-07-01")).unwrap(), at("1997-06-01"));
        assert_eq!(cutoff("1mo", at("2024-03-31")).unwrap(), at("2024-02-29"));
        assert_eq!(cutoff("30d", at("2024-03-31")).unwrap(), at("2024-03-01"));
    }

    #[test]
    fn off_and_under_thirty_days_are_refused() {
        let reason = |period| cutoff(period, at("2024-01-01")).unwrap_err().reason().to_owned();
        assert_eq!(reason("off"), "INACTIVITY_OFF");
        for short in ["29d", "4w", "719h", "0mo"] {
            assert_eq!(reason(short), "INACTIVITY_PERIOD_TOO_SHORT", "{short}");
        }
    }
}
