//! Single values of a spec.

use std::time::Duration;

use chrono::NaiveTime;
use chrono_tz::Tz;
use serde_json::{Map, Value as Json};

use super::Reader;
use crate::domain::definition::Zone;

/// Longest delay or grace period: two years, the longest that anybody plans a walk for.
const MAX_DURATION: Duration = Duration::from_hours(24 * 731);

impl Reader {
    pub(super) fn required_text<'a>(
        &mut self,
        path: &str,
        object: &'a Map<String, Json>,
        key: &str,
    ) -> Option<&'a str> {
        match object.get(key).map(Json::as_str) {
            Some(Some(text)) if !text.is_empty() => Some(text),
            Some(_) => self.fault(format!("{path}.{key}"), "a text is expected"),
            None => self.fault(format!("{path}.{key}"), format!("{key} is missing")),
        }
    }

    pub(super) fn boolean(&mut self, path: &str, object: &Map<String, Json>, key: &str) -> Option<bool> {
        match object.get(key)? {
            Json::Bool(value) => Some(*value),
            _ => self.fault(format!("{path}.{key}"), "must be true or false"),
        }
    }

    pub(super) fn positive(&mut self, path: &str, json: &Json) -> Option<u32> {
        let number = json.as_u64().and_then(|number| u32::try_from(number).ok());
        match number.filter(|number| *number > 0) {
            Some(number) => Some(number),
            None => self.fault(path, "a whole number from 1 is expected"),
        }
    }

    pub(super) fn duration(&mut self, path: &str, json: &Json) -> Option<Duration> {
        let parsed = json.as_str().and_then(duration);
        match parsed {
            Some(duration) if duration <= MAX_DURATION => Some(duration),
            Some(_) => self.fault(path, "at most 731d"),
            None => self.fault(
                path,
                "a length of time is a whole number and a unit: s, m, h, d or w, such as 10m",
            ),
        }
    }

    pub(super) fn required_time(&mut self, path: &str, object: &Map<String, Json>, key: &str) -> Option<NaiveTime> {
        let text = self.required_text(path, object, key)?;
        match time_of_day(text) {
            Some(time) => Some(time),
            None => self.fault(format!("{path}.{key}"), "a time of day is HH:MM, such as \"09:00\""),
        }
    }

    /// The `timezone` of an object; that of the profile if there is none.
    pub(super) fn zone(&mut self, path: &str, object: &Map<String, Json>) -> Option<Zone> {
        let Some(json) = object.get("timezone") else {
            return Some(Zone::Profile);
        };
        match json.as_str() {
            Some("profile") => Some(Zone::Profile),
            Some(name) if name.parse::<Tz>().is_ok() => name.parse().ok().map(Zone::Fixed),
            _ => self.fault(
                format!("{path}.timezone"),
                "must be profile or a name such as Europe/Paris",
            ),
        }
    }
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (amount, unit) = text.split_at(digits);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    let amount: u64 = amount.parse().ok()?;
    amount.checked_mul(seconds).map(Duration::from_secs)
}

fn time_of_day(text: &str) -> Option<NaiveTime> {
    (text.len() == 5).then(|| NaiveTime::parse_from_str(text, "%H:%M").ok())?
}
