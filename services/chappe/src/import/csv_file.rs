use std::io::{Chain, Read};

use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};

/// The records of a CSV file (RFC 4180, or with LF alone), of any length and as bytes: what is wrong with one is
/// found record by record. Empty lines are left out.
pub(super) struct CsvFile<R> {
    reader: Reader<Chain<R, &'static [u8]>>,
    record: ByteRecord,
}

impl<R: Read> CsvFile<R> {
    pub(super) fn new(input: R) -> Self {
        let mut builder = ReaderBuilder::new();
        // Ended by LF alone, records know their lines exactly; the CR before it is taken off below.
        builder
            .has_headers(false)
            .flexible(true)
            .terminator(Terminator::Any(b'\n'));
        // The last line may lack its end. Another one makes no record, but all lines are counted alike.
        let reader = builder.from_reader(input.chain(b"\n".as_slice()));
        Self {
            reader,
            record: ByteRecord::new(),
        }
    }

    /// Goes to the next record; `false` at the end.
    pub(super) fn advance(&mut self) -> csv::Result<bool> {
        while self.reader.read_byte_record(&mut self.record)? {
            if self.record.len() > 1 || !self.cell(0).is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Where the record begins, from 1. The reader tells where the empty lines before it begin, and where it ends.
    pub(super) fn line(&self) -> u64 {
        let lines = self.record.as_slice().split(|byte| *byte == b'\n').count();
        let lines = u64::try_from(lines).unwrap_or_default();
        let earliest = self.record.position().map_or(0, csv::Position::line);
        self.reader.position().line().saturating_sub(lines).max(earliest)
    }

    /// Cells of the record.
    pub(super) fn len(&self) -> usize {
        self.record.len()
    }

    /// A cell, if it is UTF-8. One that is not there is empty.
    pub(super) fn text(&self, at: usize) -> Option<&str> {
        std::str::from_utf8(self.cell(at)).ok()
    }

    /// Bytes read so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.reader.position().byte()
    }

    fn cell(&self, at: usize) -> &[u8] {
        let cell = self.record.get(at).unwrap_or_default();
        let is_last = at + 1 == self.record.len();
        cell.strip_suffix(b"\r").filter(|_| is_last).unwrap_or(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_alike_with_and_without_carriage_returns() {
        let text = "\u{feff}a,b\n\"1\n2\",\"c\"\n\n,\nlast";
        for text in [text.to_owned(), text.replace('\n', "\r\n")] {
            let mut file = CsvFile::new(text.as_bytes());
            let mut records = Vec::new();
            while file.advance().unwrap() {
                let cells: Vec<_> = (0..file.len())
                    .map(|at| file.text(at).unwrap().replace('\r', ""))
                    .collect();
                records.push((file.line(), cells.join("|")));
            }
            let expected = [(1, "a|b"), (2, "1\n2|c"), (5, "|"), (6, "last")];
            assert_eq!(records, expected.map(|(line, cells)| (line, cells.to_owned())));
        }
    }
}
