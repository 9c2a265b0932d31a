//! Lengths of time as people write them: `10m`, `2h`, `30d`, `4w`, `13mo`, `1y`.

use std::{fmt, str::FromStr};

use chrono::{Months, TimeDelta};
use serde::{Deserialize, Serialize};

use crate::instant::{FIRST, LAST, to_utc};

/// The longest amount, in digits; far beyond any instant Chappe keeps, in any unit but minutes.
const MAX_AMOUNT_DIGITS: usize = 6;

/// An amount of one calendar unit. Months and years have no fixed length: they are counted on the UTC calendar
/// from an instant, and a day the target month lacks becomes its last day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CalendarSpan {
    amount: u32,
    unit: Unit,
}

/// The unit of a [`CalendarSpan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// `m`
    Minute,
    /// `h`
    Hour,
    /// `d`, 24 hours
    Day,
    /// `w`
    Week,
    /// `mo`
    Month,
    /// `y`
    Year,
}

/// The text is not a length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a length of time is a whole number of at most 6 digits and a unit: m, h, d, w, mo or y, such as 30d")]
pub struct InvalidSpan;

impl CalendarSpan {
    /// A span of so many units.
    pub const fn new(amount: u32, unit: Unit) -> Self {
        Self { amount, unit }
    }

    /// How many units.
    pub const fn amount(self) -> u32 {
        self.amount
    }

    /// Of which unit.
    pub const fn unit(self) -> Unit {
        self.unit
    }

    /// The instant this much before `instant`, in microseconds; never before the year 0001.
    pub fn before(self, instant: i64) -> i64 {
        let from = to_utc(instant);
        let moved = match self.length() {
            Length::Fixed(delta) => from.checked_sub_signed(delta),
            Length::Months(months) => from.checked_sub_months(months),
        };
        moved.map_or(FIRST, |at| at.timestamp_micros().max(FIRST))
    }

    /// The instant this much after `instant`, in microseconds; never after the year 9999.
    pub fn after(self, instant: i64) -> i64 {
        let from = to_utc(instant);
        let moved = match self.length() {
            Length::Fixed(delta) => from.checked_add_signed(delta),
            Length::Months(months) => from.checked_add_months(months),
        };
        moved.map_or(LAST, |at| at.timestamp_micros().min(LAST))
    }

    fn length(self) -> Length {
        let amount = i64::from(self.amount);
        match self.unit {
            Unit::Minute => Length::Fixed(TimeDelta::minutes(amount)),
            Unit::Hour => Length::Fixed(TimeDelta::hours(amount)),
            Unit::Day => Length::Fixed(TimeDelta::days(amount)),
            Unit::Week => Length::Fixed(TimeDelta::weeks(amount)),
            Unit::Month => Length::Months(Months::new(self.amount)),
            Unit::Year => Length::Months(Months::new(self.amount.saturating_mul(12))),
        }
    }
}

enum Length {
    Fixed(TimeDelta),
    Months(Months),
}

impl Unit {
    const ALL: [Self; 6] = [Self::Minute, Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year];

    const fn suffix(self) -> &'static str {
        match self {
            Self::Minute => "m",
            Self::Hour => "h",
            Self::Day => "d",
            Self::Week => "w",
            Self::Month => "mo",
            Self::Year => "y",
        }
    }
}

impl FromStr for CalendarSpan {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=MAX_AMOUNT_DIGITS).contains(&digits) {
            return Err(InvalidSpan);
        }
        let (amount, suffix) = text.split_at(digits);
        let unit = Unit::ALL.into_iter().find(|unit| unit.suffix() == suffix);
        Ok(Self {
            amount: amount.parse().map_err(|_| InvalidSpan)?,
            unit: unit.ok_or(InvalidSpan)?,
        })
    }
}

impl fmt::Display for CalendarSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.amount, self.unit.suffix())
    }
}

impl TryFrom<String> for CalendarSpan {
    type Error = InvalidSpan;

    fn try_from(text: String) -> Result<Self, InvalidSpan> {
        text.parse()
    }
}

impl From<CalendarSpan> for String {
    fn from(span: CalendarSpan) -> Self {
        span.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instant::{format_instant, parse_instant};

    fn before(span: &str, instant: &str) -> String {
        let span: CalendarSpan = span.parse().unwrap();
        format_instant(span.before(parse_instant(instant).unwrap()))
    }

    fn after(span: &str, instant: &str) -> String {
        let span: CalendarSpan = span.parse().unwrap();
        format_instant(span.after(parse_instant(instant).unwrap()))
    }

    #[test]
    fn what_is_parsed_is_printed_the_same() {
        for text in ["10m", "2h", "3d", "4w", "13mo", "1y", "0d"] {
            assert_eq!(text.parse::<CalendarSpan>().unwrap().to_string(), text);
        }
        let json = serde_json::to_string(&CalendarSpan::new(13, Unit::Month)).unwrap();
        assert_eq!(json, r#""13mo""#);
        assert_eq!(serde_json::from_str::<CalendarSpan>(&json).unwrap().amount(), 13);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "", "d", "30", "30D", "-1d", "+1d", "1.5d", "1d2h", " 1d", "1 d", "1s", "1234567d", "1é",
        ] {
            assert_eq!(text.parse::<CalendarSpan>(), Err(InvalidSpan), "{text:?}");
        }
    }

    #[test]
    fn fixed_units_are_fixed() {
        assert_eq!(before("90m", "2024-01-01T01:00:00Z"), "2023-12-31T23:30:00Z");
        assert_eq!(before("2w", "2024-03-10"), "2024-02-25T00:00:00Z");
        assert_eq!(after("2h", "2024-02-28T23:00:00Z"), "2024-02-29T01:00:00Z");
    }

    #[test]
    fn months_and_years_follow_the_calendar_and_stop_at_the_last_day() {
        assert_eq!(before("1mo", "2024-03-31T10:00:00.5Z"), "2024-02-29T10:00:00.500Z");
        assert_eq!(before("13mo", "2024-03-31"), "2023-02-28T00:00:00Z");
        assert_eq!(before("1y", "2024-02-29"), "2023-02-28T00:00:00Z");
        assert_eq!(after("1mo", "2024-01-31"), "2024-02-29T00:00:00Z");
    }

    #[test]
    fn a_span_longer_than_time_ends_at_its_edge() {
        assert_eq!(before("999999y", "2024-01-01"), "0001-01-01T00:00:00Z");
        assert_eq!(before("3000y", "2024-01-01"), "0001-01-01T00:00:00Z");
        assert_eq!(after("999999w", "2024-01-01"), "9999-12-31T23:59:59.999999Z");
    }
}
