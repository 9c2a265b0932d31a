//! What a person sees while a file is read: a bar, and the rows that are refused.

use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};

/// Refusals told one by one; a file with a systematic mistake has as many as rows.
const MAX_TOLD: u64 = 20;

pub(super) struct Progress {
    bar: ProgressBar,
    file: String,
    told: u64,
}

impl Progress {
    /// Over a file; the bar shows only on a terminal.
    pub(super) fn new(file: &Path) -> Self {
        let bytes = file.metadata().map_or(0, |metadata| metadata.len());
        let style = ProgressStyle::with_template("{elapsed_precise} {bar:40} {percent}% {msg}");
        let bar = ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self {
            bar,
            file: file.display().to_string(),
            told: 0,
        }
    }

    /// Tells why a row, or a value in it, was refused.
    pub(super) fn refused(&mut self, line: u64, column: &str, reason: &str) {
        self.told += 1;
        if self.told <= MAX_TOLD {
            let column = if column.is_empty() {
                String::new()
            } else {
                format!("{column}: ")
            };
            self.bar.suspend(|| eprintln!("{}:{line}: {column}{reason}", self.file));
        }
    }

    /// `end` bytes of the file are done.
    pub(super) fn advance(&self, end: u64, rows: u64) {
        self.bar.set_message(format!("{rows} rows"));
        self.bar.set_position(end);
    }

    /// The last lines on stderr.
    pub(super) fn finish(self, rows: u64, rejected: u64) {
        self.bar.finish_and_clear();
        if self.told > MAX_TOLD {
            eprintln!("{}: only the first {MAX_TOLD} refusals are shown", self.file);
        }
        if rejected > 0 || self.bar.is_hidden() {
            eprintln!("{}: {rows} rows read, {rejected} rejected", self.file);
        }
    }
}
