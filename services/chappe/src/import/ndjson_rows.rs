//! Events in NDJSON: `{"custom_id","event","time","attributes":{…}}` on each line.

use std::io::{self, BufRead, Read};

use anyhow::Result;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::{
    row::{Fault, NOT_UTF8, Row},
    source::Line,
};

/// Longest line, in bytes. An event that keeps to the limits of its attributes is far shorter.
const MAX_LINE: u64 = 1 << 20;

/// A line as written. A key that nobody reads is a mistake somebody wants to know.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    custom_id: String,
    event: String,
    time: String,
    #[serde(default)]
    attributes: Option<Map<String, Json>>,
}

/// The lines of a file, empty ones left out.
pub(super) struct NdjsonRows<R> {
    input: R,
    number: u64,
    position: u64,
    line: Vec<u8>,
}

impl<R: BufRead> NdjsonRows<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            number: 0,
            position: 0,
            line: Vec::new(),
        }
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.position
    }

    /// Reads a line, or as much of it as is bearable. Answers whether there was one.
    fn read_line(&mut self) -> io::Result<bool> {
        self.line.clear();
        let mut read = self.input.by_ref().take(MAX_LINE).read_until(b'\n', &mut self.line)?;
        if self.is_cut() {
            read += self.input.skip_until(b'\n')?;
        }
        self.number += 1;
        self.position += u64::try_from(read).unwrap_or_default();
        Ok(read > 0)
    }

    fn is_cut(&self) -> bool {
        u64::try_from(self.line.len()).is_ok_and(|length| length == MAX_LINE) && !self.line.ends_with(b"\n")
    }

    fn row(&self) -> Result<Row, Fault> {
        if self.is_cut() {
            return Err(Fault::new("", format!("is longer than {MAX_LINE} bytes")));
        }
        let line = self.line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.line);
        let text = std::str::from_utf8(line).map_err(|_| Fault::new("", NOT_UTF8))?;
        // The message may quote what is on the line; where it is says enough.
        let written: Written = serde_json::from_str(text).map_err(|error| {
            let what = if error.is_data() {
                "is not {\"custom_id\",\"event\",\"time\",\"attributes\"}"
            } else {
                "is not JSON"
            };
            Fault::new("", format!("{what}, at character {}", error.column()))
        })?;
        Row::new(
            &written.custom_id,
            &written.event,
            &written.time,
            written.attributes.unwrap_or_default(),
        )
    }
}

impl<R: BufRead> Iterator for NdjsonRows<R> {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Result<Line>> {
        loop {
            match self.read_line() {
                Ok(true) if self.line.trim_ascii().is_empty() => {}
                Ok(true) => {
                    return Some(Ok(Line {
                        number: self.number,
                        row: self.row(),
                    }));
                }
                Ok(false) => return None,
                Err(error) => return Some(Err(error.into())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_that_cannot_be_read_leaves_the_others() {
        let good = r#"{"custom_id":"u1","event":"buy","time":"2020-01-01","attributes":{"n":[1,null]}}"#;
        let long = format!("{{\"x\":\"{}\"}}", "x".repeat(usize::try_from(MAX_LINE).unwrap()));
        let typo = good.replace("attributes", "attribute");
        let text = format!("\u{feff}{good}\n\nnot json\n{long}\n{typo}\n{{\"custom_id\":5}}\n{good}");
        let rows = NdjsonRows::new(text.as_bytes());
        let lines: Vec<_> = rows
            .map(|line| line.unwrap())
            .map(|line| (line.number, line.row))
            .collect();
        let row = Row::new("u1", "buy", "2020-01-01", [("n".to_owned(), json!([1, null]))]);
        let reasons = [
            (3, "is not JSON, at character 2"),
            (4, "is longer than 1048576 bytes"),
            (
                5,
                "is not {\"custom_id\",\"event\",\"time\",\"attributes\"}, at character 63",
            ),
            (
                6,
                "is not {\"custom_id\",\"event\",\"time\",\"attributes\"}, at character 14",
            ),
        ];
        assert_eq!(
            lines[0],
            (
                1,
                Row::new("u1", "buy", "2020-01-01", [("n".to_owned(), json!([1, null]))])
            )
        );
        for ((line, reason), found) in reasons.iter().zip(&lines[1..]) {
            assert_eq!(
                (found.0, found.1.as_ref().unwrap_err().reason.as_str()),
                (*line, *reason)
            );
        }
        assert_eq!(lines[5], (7, row));
    }
}
