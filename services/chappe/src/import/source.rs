use std::{ffi::OsStr, fs::File, io::BufReader, path::Path};

use anyhow::{Context, Result, bail};

use super::{
    csv_rows::CsvRows,
    ndjson_rows::NdjsonRows,
    row::{Fault, Row},
};

/// Bytes read from a file at a time.
const BUFFER: usize = 256 * 1024;

/// A row of a file, or why it is none.
pub(super) struct Line {
    /// Where it begins, from 1.
    pub(super) number: u64,
    pub(super) row: Result<Row, Fault>,
}

/// A file of events, read as a stream.
pub(super) enum Source {
    Csv(Box<CsvRows<BufReader<File>>>),
    Ndjson(NdjsonRows<BufReader<File>>),
}

impl Source {
    /// Opens a file by the form its name tells.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let extension = path.extension().map(OsStr::to_ascii_lowercase);
        let input = || open(path);
        match extension.as_ref().and_then(|extension| extension.to_str()) {
            Some("csv") => {
                let rows = CsvRows::new(input()?).with_context(|| path.display().to_string())?;
                Ok(Self::Csv(Box::new(rows)))
            }
            Some("ndjson" | "jsonl") => Ok(Self::Ndjson(NdjsonRows::new(input()?))),
            _ => bail!(
                "{}: the name must end in .csv or .ndjson, so that its form is known",
                path.display()
            ),
        }
    }

    /// Bytes read so far.
    pub(super) fn bytes_read(&self) -> u64 {
        match self {
            Self::Csv(rows) => rows.bytes_read(),
            Self::Ndjson(rows) => rows.bytes_read(),
        }
    }
}

impl Iterator for Source {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Result<Line>> {
        match self {
            Self::Csv(rows) => rows.next(),
            Self::Ndjson(rows) => rows.next(),
        }
    }
}

/// Opens a file for reading as a stream.
pub(super) fn open(path: &Path) -> Result<BufReader<File>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(BufReader::with_capacity(BUFFER, file))
}
