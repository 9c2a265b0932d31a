//! Times of day in a zone.

use chappe_kit::Timestamp;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;

use super::definition::QuietTimes;

/// The longest jump of a clock that the time zone database knows is a day (a date line crossed); clocks put
/// forward in summer jump an hour.
const LONGEST_GAP_MINUTES: i64 = 24 * 60;

/// The next instant, strictly after `now`, at which clocks in `zone` show `time`.
pub(crate) fn next_at(now: Timestamp, time: NaiveTime, zone: Tz) -> Timestamp {
    let now = now.to_utc();
    let today = now.with_timezone(&zone).date_naive();
    let days = [today, today + Days::new(1), today + Days::new(2)];
    let next = days.into_iter().map(|day| at(day, time, zone)).find(|at| *at > now);
    next.map_or_else(|| (now + TimeDelta::days(1)).into(), Timestamp::from)
}

/// When the quiet time around `now` ends; `None` outside of one. `from` belongs to it, `to` does not.
pub(crate) fn quiet_until(now: Timestamp, quiet: &QuietTimes, zone: Tz) -> Option<Timestamp> {
    let local = now.to_utc().with_timezone(&zone).time();
    let inside = if quiet.from < quiet.to {
        (quiet.from..quiet.to).contains(&local)
    } else {
        local >= quiet.from || local < quiet.to
    };
    inside.then(|| next_at(now, quiet.to, zone))
}

/// The instant of a wall-clock time; of two, the earlier; of none, the first one after the gap.
fn at(day: NaiveDate, time: NaiveTime, zone: Tz) -> DateTime<Utc> {
    let local = day.and_time(time);
    (0..=LONGEST_GAP_MINUTES)
        .find_map(|minutes| {
            let shown = local + TimeDelta::minutes(minutes);
            zone.from_local_datetime(&shown).earliest()
        })
        .map_or_else(|| local.and_utc(), |at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::definition::{Fallback, Zone};

    fn instant(text: &str) -> Timestamp {
        Timestamp::from_micros(chappe_query::parse_instant(text).unwrap())
    }

    fn time(text: &str) -> NaiveTime {
        NaiveTime::parse_from_str(text, "%H:%M").unwrap()
    }

    fn night() -> QuietTimes {
        QuietTimes {
            from: time("22:00"),
            to: time("08:00"),
            zone: Zone::Profile,
            fallback: Fallback::Wait,
        }
    }

    #[test]
    fn the_window_crosses_midnight_and_holds_its_beginning_but_not_its_end() {
        let until = |now: &str| quiet_until(instant(now), &night(), Tz::UTC).map(Timestamp::to_rfc3339);
        assert_eq!(until("2024-01-01T21:59:59Z"), None);
        assert_eq!(until("2024-01-01T22:00:00Z").unwrap(), "2024-01-02T08:00:00Z");
        assert_eq!(until("2024-01-02T07:59:59Z").unwrap(), "2024-01-02T08:00:00Z");
        assert_eq!(until("2024-01-02T08:00:00Z"), None);
    }

    #[test]
    fn a_window_inside_one_day_ends_that_day() {
        let lunch = QuietTimes {
            from: time("12:00"),
            to: time("14:00"),
            ..night()
        };
        let until = |now: &str| quiet_until(instant(now), &lunch, Tz::UTC).map(Timestamp::to_rfc3339);
        assert_eq!(until("2024-01-01T12:00:00Z").unwrap(), "2024-01-01T14:00:00Z");
        assert_eq!(until("2024-01-01T23:00:00Z"), None);
    }

    #[test]
    fn the_zone_decides_when_night_is() {
        let now = instant("2024-07-01T21:00:00Z");
        assert_eq!(quiet_until(now, &night(), Tz::UTC), None);
        let paris = quiet_until(now, &night(), Tz::Europe__Paris).unwrap();
        assert_eq!(paris.to_rfc3339(), "2024-07-02T06:00:00Z");
    }

    #[test]
    fn the_next_nine_is_tomorrow_from_nine_on() {
        let next = |now: &str| next_at(instant(now), time("09:00"), Tz::UTC).to_rfc3339();
        assert_eq!(next("2024-01-01T08:59:59Z"), "2024-01-01T09:00:00Z");
        assert_eq!(next("2024-01-01T09:00:00Z"), "2024-01-02T09:00:00Z");
    }

    #[test]
    fn a_time_that_clocks_skip_is_the_first_one_after() {
        let next = next_at(instant("2024-03-31T00:00:00Z"), time("02:30"), Tz::Europe__Paris);
        assert_eq!(next.to_rfc3339(), "2024-03-31T01:00:00Z");
    }
}
