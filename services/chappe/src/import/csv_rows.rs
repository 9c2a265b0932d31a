//! Events in CSV: `custom_id,event,time,<attribute>…`.

use std::{collections::HashSet, io::Read};

use anyhow::{Context, Result, bail};
use chappe_query::{LABEL, Name};

use super::{
    csv_file::CsvFile,
    row::{Fault, NOT_UTF8, Row},
    source::Line,
    value::{self, Type},
};

/// The columns before those of the attributes.
const FIXED: [&str; 3] = ["custom_id", "event", "time"];

#[derive(Debug)]
struct Column {
    name: String,
    kind: Type,
}

/// The rows after the header.
pub(super) struct CsvRows<R> {
    file: CsvFile<R>,
    columns: Vec<Column>,
}

impl<R: Read> CsvRows<R> {
    /// Reads the header.
    pub(super) fn new(input: R) -> Result<Self> {
        let mut file = CsvFile::new(input);
        if !file.advance()? {
            bail!("the file is empty; its first line must be custom_id,event,time,<attribute>…");
        }
        let columns = header(&file)?;
        Ok(Self { file, columns })
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.file.bytes_read()
    }

    fn row(&self) -> Result<Row, Fault> {
        let expected = FIXED.len() + self.columns.len();
        if self.file.len() != expected {
            return Err(Fault::new(
                "",
                format!("has {} cells instead of {expected}", self.file.len()),
            ));
        }
        let text = |at: usize, column: &str| self.file.text(at).ok_or_else(|| Fault::new(column, NOT_UTF8));
        let [custom_id, event, time] = [0, 1, 2].map(|at| text(at, FIXED[at]));
        let mut attributes = Vec::with_capacity(self.columns.len());
        for (at, Column { name, kind }) in self.columns.iter().enumerate() {
            let member = value::read(*kind, name, text(FIXED.len() + at, name)?);
            attributes.extend(member.map_err(|reason| Fault::new(name, reason))?);
        }
        Row::new(custom_id?, event?, time?, attributes)
    }
}

impl<R: Read> Iterator for CsvRows<R> {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Result<Line>> {
        match self.file.advance() {
            Ok(true) => Some(Ok(Line {
                number: self.file.line(),
                row: self.row(),
            })),
            Ok(false) => None,
            Err(error) => Some(Err(error.into())),
        }
    }
}

fn header<R: Read>(file: &CsvFile<R>) -> Result<Vec<Column>> {
    let cells: Option<Vec<&str>> = (0..file.len()).map(|at| file.text(at)).collect();
    let cells = cells.with_context(|| format!("line 1 {NOT_UTF8}"))?;
    let folded = cells
        .iter()
        .take(FIXED.len())
        .map(|cell| cell.trim_ascii().to_ascii_lowercase());
    if !folded.eq(FIXED) {
        bail!(
            "line 1 must begin with {}, then a column per attribute",
            FIXED.join(",")
        );
    }
    let mut seen = HashSet::new();
    let mut columns = Vec::with_capacity(cells.len());
    for (at, cell) in cells.iter().enumerate().skip(FIXED.len()) {
        let column = column(cell).with_context(|| format!("line 1, column {}", at + 1))?;
        if !seen.insert(column.name.clone()) {
            bail!("line 1, column {}: {} is there twice", at + 1, column.name);
        }
        columns.push(column);
    }
    Ok(columns)
}

fn column(cell: &str) -> Result<Column> {
    let cell = cell.trim_ascii();
    let (name, word) = cell
        .split_once(':')
        .map_or((cell, None), |(name, word)| (name, Some(word)));
    if name == LABEL && word.is_none() {
        return Ok(Column {
            name: LABEL.to_owned(),
            kind: Type::String,
        });
    }
    let name = Name::parse(name)
        .with_context(|| format!("{name:?} is not the name of an attribute"))?
        .into_string();
    let Ok(kind) = word.map_or(Ok(Type::Look), |word| word.trim_ascii().parse()) else {
        bail!("{cell:?}: after the colon there is string, int, float, bool, date or url");
    };
    Ok(Column { name, kind })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(text: &[u8]) -> Vec<(u64, Result<Row, Fault>)> {
        let rows = CsvRows::new(text).unwrap();
        rows.map(|line| line.unwrap())
            .map(|line| (line.number, line.row))
            .collect()
    }

    fn refusal(text: &str) -> String {
        format!("{:#}", CsvRows::new(text.as_bytes()).err().unwrap())
    }

    #[test]
    fn rows_are_typed_by_header_or_look() {
        let lines = lines(
            b"\xef\xbb\xbfCustom_ID, event ,time,Zip:string,amount,$label\r\nu1,Buy,2020-01-01,0750,9.5,\"a, b\"\r\n",
        );
        let attributes = [
            ("zip", json!("0750")),
            ("amount", json!(9.5)),
            ("$label", json!("a, b")),
        ];
        let attributes = attributes.map(|(name, value)| (name.to_owned(), value));
        assert_eq!(lines, [(2, Row::new("u1", "buy", "2020-01-01", attributes))]);
    }

    #[test]
    fn a_row_that_cannot_be_read_leaves_the_others() {
        let text = b"custom_id,event,time,n:int\nu1,e,2020-01-01,x\nu1,e,2020-01-01\nu1,e,2020-01-01,\"a\nb\"\nu\xff,e,2020-01-01,1\nu1,e,2020-01-01,1\n";
        let lines = lines(text);
        let faults: Vec<_> = lines
            .iter()
            .map(|(line, row)| (*line, row.as_ref().err().map(|fault| fault.column.as_str())))
            .collect();
        assert_eq!(
            faults,
            [
                (2, Some("n")),
                (3, Some("")),
                (4, Some("n")),
                (6, Some("custom_id")),
                (7, None)
            ]
        );
        assert_eq!(lines[1].1.as_ref().unwrap_err().reason, "has 3 cells instead of 4");
    }

    #[test]
    fn a_header_that_cannot_be_used_says_why() {
        assert!(refusal("").contains("the file is empty"));
        assert!(refusal("event,custom_id,time\n").contains("must begin with custom_id,event,time"));
        assert_eq!(
            refusal("custom_id,event,time,a b\n"),
            "line 1, column 4: \"a b\" is not the name of an attribute: a name has 1 to 30 letters, digits or underscores"
        );
        assert!(refusal("custom_id,event,time,a:money\n").contains("string, int, float"));
        assert_eq!(
            refusal("custom_id,event,time,a,A:int\n"),
            "line 1, column 5: a is there twice"
        );
    }
}
