//! `formatDate` with a pattern of CLDR letters, in English.

#![expect(clippy::needless_pass_by_value, reason = "the engine hands arguments over by value")]

use chrono::{DateTime, TimeZone, Utc};
use chrono_tz::Tz;
use minijinja::{
    Error,
    value::{Kwargs, Value},
};

use super::{
    filters::present,
    operators::{instant, wrong},
};

/// Characters of a pattern.
const MAX_PATTERN: usize = 100;

/// The filter: `formatDate('yyyy-MM-dd')` or `formatDate(pattern: …, timezone: …)`; UTC unless a zone is given.
pub(super) fn format(value: Value, pattern: Option<String>, named: Kwargs) -> Result<Value, Error> {
    let pattern = match pattern {
        Some(pattern) => pattern,
        None => named
            .get::<Option<String>>("pattern")?
            .ok_or_else(|| wrong("formatDate needs a pattern"))?,
    };
    let zone = named.get::<Option<String>>("timezone")?;
    named.assert_all_used()?;
    let zone = zone.map_or(Ok(Tz::UTC), |zone| {
        zone.parse::<Tz>().map_err(|_| wrong("there is no such time zone"))
    })?;
    present(value, |it| {
        let micros = instant(it).ok_or_else(|| wrong("formatDate is for a date: put |date before it"))?;
        let at = DateTime::<Utc>::from_timestamp_micros(micros).ok_or_else(|| wrong("this date is out of range"))?;
        Ok(Value::from(write(&zone.from_utc_datetime(&at.naive_utc()), &pattern)?))
    })
}

/// Writes a date by a pattern: runs of letters are fields, `'quoted'` text and everything else stand for themselves.
fn write(at: &DateTime<Tz>, pattern: &str) -> Result<String, Error> {
    if pattern.len() > MAX_PATTERN {
        return Err(wrong("a date pattern has at most 100 characters"));
    }
    let mut out = String::new();
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '\'' {
            let quoted: String = rest.by_ref().take_while(|c| *c != '\'').collect();
            out.push_str(if quoted.is_empty() { "'" } else { &quoted });
        } else if c.is_ascii_alphabetic() {
            let mut count = 1;
            while rest.next_if_eq(&c).is_some() {
                count += 1;
            }
            out.push_str(&field(at, c, count)?);
        } else {
            out.push(c);
        }
    }
    Ok(out)
}

fn field(at: &DateTime<Tz>, letter: char, count: usize) -> Result<String, Error> {
    // chrono's own letters: https://docs.rs/chrono/latest/chrono/format/strftime/
    let format = match (letter, count) {
        ('y', 2) => "%y",
        ('y', _) => "%Y",
        ('M', 1) => "%-m",
        ('M', 2) => "%m",
        ('M', 3) => "%b",
        ('M', _) => "%B",
        ('d', 1) => "%-d",
        ('d', _) => "%d",
        ('E', 1..=3) => "%a",
        ('E', _) => "%A",
        ('H', 1) => "%-H",
        ('H', _) => "%H",
        ('h', 1) => "%-I",
        ('h', _) => "%I",
        ('m', 1) => "%-M",
        ('m', _) => "%M",
        ('s', 1) => "%-S",
        ('s', _) => "%S",
        ('S', _) => "%3f",
        ('a', _) => "%p",
        ('z', _) => "%Z",
        ('Z', _) => "%z",
        ('X', _) => "%:z",
        _ => {
            return Err(wrong(format!(
                "{letter} means nothing in a date pattern; quote text with '"
            )));
        }
    };
    Ok(at.format(format).to_string())
}
