//! Settings of a project: what `kind: Project` may say.

use chappe_query::CalendarSpan;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Shortest and longest inactivity period (a month counts as its shortest and longest self).
const PERIOD_DAYS: std::ops::RangeInclusive<i64> = 30..=36 * 31;
/// Shortest and longest retention of raw events.
const RETENTION_DAYS: std::ops::RangeInclusive<i64> = 1..=3660;

/// The settings as stored; every field has a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    pub(crate) timezone: String,
    pub(crate) inactivity_period: String,
    pub(crate) event_retention: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timezone: "UTC".to_owned(),
            inactivity_period: "13mo".to_owned(),
            event_retention: "90d".to_owned(),
        }
    }
}

/// Reads the spec of a Project document; faults are pairs of path and message.
pub(crate) fn parse(spec: &Map<String, Value>) -> Result<Settings, Vec<(String, String)>> {
    let mut settings = Settings::default();
    let mut faults = Vec::new();
    for (key, value) in spec {
        let read = match key.as_str() {
            "timezone" => text(value).and_then(timezone).map(|zone| settings.timezone = zone),
            "inactivity" => member(value, "period")
                .and_then(period)
                .map(|span| settings.inactivity_period = span),
            "events" => member(value, "retention")
                .and_then(retention)
                .map(|span| settings.event_retention = span),
            _ => Err("unknown setting; known settings: timezone, inactivity, events".to_owned()),
        };
        if let Err(message) = read {
            faults.push((format!("spec.{key}"), message));
        }
    }
    if faults.is_empty() { Ok(settings) } else { Err(faults) }
}

/// The settings as a spec.
pub(crate) fn to_spec(settings: &Settings) -> Map<String, Value> {
    let spec = serde_json::json!({
        "timezone": settings.timezone,
        "inactivity": { "period": settings.inactivity_period },
        "events": { "retention": settings.event_retention },
    });
    spec.as_object().cloned().unwrap_or_default()
}

fn text(value: &Value) -> Result<String, String> {
    value
        .as_str()
        .map(ToOwned::to_owned)
        .ok_or_else(|| "must be a string".to_owned())
}

fn member(value: &Value, name: &str) -> Result<String, String> {
    let object = value
        .as_object()
        .ok_or_else(|| format!("must be an object with the key {name}"))?;
    if let Some(unknown) = object.keys().find(|key| *key != name) {
        return Err(format!("unknown key {unknown}; the only key is {name}"));
    }
    text(object.get(name).ok_or_else(|| format!("the key {name} is missing"))?)
}

fn timezone(name: String) -> Result<String, String> {
    match name.parse::<chrono_tz::Tz>() {
        Ok(_) => Ok(name),
        Err(_) => Err(format!("{name} is not a time zone such as Europe/Paris")),
    }
}

fn period(text: String) -> Result<String, String> {
    if text == "off" {
        Ok(text)
    } else {
        span(text, &PERIOD_DAYS, "30d to 36mo, or off")
    }
}

fn retention(text: String) -> Result<String, String> {
    span(text, &RETENTION_DAYS, "1d to 10y")
}

fn span(text: String, days: &std::ops::RangeInclusive<i64>, allowed: &str) -> Result<String, String> {
    const DAY: i64 = 86_400_000_000;
    /// Some instant to count from: 2025-01-01.
    const ANCHOR: i64 = 1_735_689_600_000_000;
    let length = |span: CalendarSpan| (ANCHOR - span.before(ANCHOR)) / DAY;
    match text.parse().map(length) {
        Ok(length) if days.contains(&length) => Ok(text),
        _ => Err(format!("{text} is not a period of {allowed}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(json: &serde_json::Value) -> Result<Settings, Vec<(String, String)>> {
        parse(json.as_object().unwrap())
    }

    #[test]
    fn what_is_absent_has_a_default() {
        assert_eq!(spec(&serde_json::json!({})).unwrap(), Settings::default());
        let settings = spec(&serde_json::json!({"inactivity": {"period": "36mo"}})).unwrap();
        assert_eq!(parse(&to_spec(&settings)).unwrap(), settings);
    }

    #[test]
    fn every_fault_is_named() {
        let faults = spec(&serde_json::json!({
            "timezone": "Mars/Olympus", "inactivity": {"period": "29d"}, "events": {"retention": "11y"}, "capz": {}
        }));
        let paths: Vec<_> = faults.unwrap_err().into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["spec.timezone", "spec.inactivity", "spec.events", "spec.capz"]);
    }
}
