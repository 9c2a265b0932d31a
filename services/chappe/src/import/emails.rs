//! `chappe import emails`: addresses and subscriptions, a row per person, with the columns of Batch's CSV
//! upload (`email, custom_user_id, marketing_subscription, language, region, timezone`).

use std::{io::Read, path::Path};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::{
    csv_file::CsvFile,
    patience,
    progress::Progress,
    row::{Fault, NOT_UTF8},
    source,
};
use crate::client::{Client, Refusal};

const COLUMNS: [&str; 6] = [
    "email",
    "custom_user_id",
    "marketing_subscription",
    "language",
    "region",
    "timezone",
];
/// Where each column goes; the custom id is no attribute.
const ATTRIBUTES: [&str; 6] = [
    "$email_address",
    "",
    "$email_marketing",
    "$language",
    "$region",
    "$timezone",
];
/// Rows of one call. An answer names at most 1,000 faults and a row has at most three, so none is ever cut.
const ROWS_PER_CALL: usize = 300;
/// Faults in the result.
const MAX_ERRORS: usize = 1_000;
/// Any minor below 2.5 takes more than 200 items.
const PATH: &str = "/2.4/profiles/update";

/// What became of the rows.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    pub(crate) rows: u64,
    pub(crate) applied: u64,
    pub(crate) rejected: u64,
    /// Also values left out of rows that were applied.
    pub(crate) errors: Vec<Error>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Error {
    /// From 1, a header included.
    row: u64,
    column: String,
    reason: String,
}

/// Rows that go together, each with its number and its line.
#[derive(Default)]
struct Call {
    items: Vec<Json>,
    places: Vec<(u64, u64)>,
}

/// Imports a file of addresses. Calls go one after the other: rows about one person apply in order.
pub(crate) async fn run(client: &Client, file: &Path) -> Result<Summary> {
    let mut cells = CsvFile::new(source::open(file)?);
    let mut import = Import {
        client,
        summary: Summary::default(),
        progress: Progress::new(file),
    };
    let (mut number, mut call) = (0, Call::default());
    while cells.advance()? {
        number += 1;
        if number == 1 && is_header(&cells) {
            check_order(&cells).with_context(|| format!("{}:1", file.display()))?;
            continue;
        }
        import.summary.rows += 1;
        let line = cells.line();
        match item(&cells) {
            Ok(item) => {
                call.items.push(item);
                call.places.push((number, line));
            }
            Err(fault) => import.reject((number, line), &fault),
        }
        if call.items.len() == ROWS_PER_CALL {
            import
                .send(std::mem::take(&mut call))
                .await
                .with_context(|| stopped(file, number))?;
            import.progress.advance(cells.bytes_read(), import.summary.rows);
        }
    }
    import.send(call).await.with_context(|| stopped(file, number))?;
    import.progress.finish(import.summary.rows, import.summary.rejected);
    import.summary.errors.sort_by_key(|error| error.row);
    Ok(import.summary)
}

fn stopped(file: &Path, row: u64) -> String {
    format!(
        "stopped before row {row} of {}; importing it again changes nothing twice",
        file.display()
    )
}

struct Import<'a> {
    client: &'a Client,
    summary: Summary,
    progress: Progress,
}

impl Import<'_> {
    async fn send(&mut self, call: Call) -> Result<()> {
        if call.items.is_empty() {
            return Ok(());
        }
        let answer = patience::post(self.client, PATH, &call.items)
            .await?
            .map_err(Refusal::into_error)?;
        let mut refused = vec![false; call.items.len()];
        for error in answer["errors"].as_array().into_iter().flatten() {
            let index = error["bulk_index"]
                .as_u64()
                .and_then(|index| usize::try_from(index).ok());
            let (Some(index), reason) = (index, error["reason"].as_str().unwrap_or("refused")) else {
                continue;
            };
            let Some(place) = call.places.get(index) else { continue };
            let attribute = error["attribute"].as_str().unwrap_or_default();
            let column = ATTRIBUTES.iter().position(|known| *known == attribute).unwrap_or(1);
            refused[index] |= error["category"] == "identifier";
            self.note(*place, &Fault::new(COLUMNS[column], reason));
        }
        let rejected = refused.iter().filter(|refused| **refused).count();
        self.summary.rejected += count(rejected);
        self.summary.applied += count(refused.len() - rejected);
        Ok(())
    }

    fn reject(&mut self, place: (u64, u64), fault: &Fault) {
        self.summary.rejected += 1;
        self.note(place, fault);
    }

    fn note(&mut self, (row, line): (u64, u64), Fault { column, reason }: &Fault) {
        self.progress.refused(line, column, reason);
        if self.summary.errors.len() < MAX_ERRORS {
            self.summary.errors.push(Error {
                row,
                column: column.clone(),
                reason: reason.clone(),
            });
        }
    }
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

/// A header does not reorder columns.
fn is_header<R: Read>(file: &CsvFile<R>) -> bool {
    file.text(0)
        .is_some_and(|cell| cell.trim_ascii().eq_ignore_ascii_case(COLUMNS[0]))
}

/// Cells are read by their place. A header that names one column where another belongs would mix up people.
fn check_order<R: Read>(file: &CsvFile<R>) -> Result<()> {
    for (at, belongs) in COLUMNS.iter().enumerate().take(file.len()) {
        let cell = file.text(at).unwrap_or_default().trim_ascii().to_ascii_lowercase();
        if cell != *belongs && COLUMNS.contains(&cell.as_str()) {
            bail!(
                "{cell} stands where {belongs} belongs; the columns are {}, in this order",
                COLUMNS.join(",")
            );
        }
    }
    Ok(())
}

/// The edit that a row stands for. Empty cells leave what is stored as it is.
fn item<R: Read>(file: &CsvFile<R>) -> Result<Json, Fault> {
    if file.len() != COLUMNS.len() {
        return Err(Fault::new(
            "",
            format!(
                "has {} cells instead of the {} of {}",
                file.len(),
                COLUMNS.len(),
                COLUMNS.join(",")
            ),
        ));
    }
    let mut cells = [""; COLUMNS.len()];
    for (at, cell) in cells.iter_mut().enumerate() {
        let text = file.text(at).ok_or_else(|| Fault::new(COLUMNS[at], NOT_UTF8))?;
        *cell = text.trim_ascii();
    }
    let address =
        chappe_query::parse_address(cells[0]).ok_or_else(|| Fault::new(COLUMNS[0], "invalid email address"))?;
    if cells[1].is_empty() {
        return Err(Fault::new(COLUMNS[1], "is empty"));
    }
    cells[2] = match cells[2] {
        "" => "",
        "0" => "unsubscribed",
        "1" => "subscribed",
        _ => return Err(Fault::new(COLUMNS[2], "is neither empty nor 0 nor 1")),
    };
    let mut attributes = Map::from_iter([(ATTRIBUTES[0].to_owned(), Json::from(address))]);
    for (name, cell) in ATTRIBUTES
        .iter()
        .zip(cells)
        .skip(2)
        .filter(|(_, cell)| !cell.is_empty())
    {
        attributes.insert((*name).to_owned(), Json::from(cell));
    }
    Ok(json!({ "identifiers": { "custom_id": cells[1] }, "attributes": attributes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(line: &str) -> CsvFile<&[u8]> {
        let mut file = CsvFile::new(line.as_bytes());
        assert!(file.advance().unwrap());
        file
    }

    fn read(line: &str) -> Result<Json, Fault> {
        item(&file(line))
    }

    #[test]
    fn empty_cells_are_left_out() {
        let full = read(" jane@example.org , u1 ,1,en,GB,Europe/London").unwrap();
        let attributes = json!({
            "$email_address": "jane@example.org", "$email_marketing": "subscribed",
            "$language": "en", "$region": "GB", "$timezone": "Europe/London",
        });
        assert_eq!(
            full,
            json!({ "identifiers": { "custom_id": "u1" }, "attributes": attributes })
        );
        let bare = read("jane@example.org,u1,,,,").unwrap();
        assert_eq!(bare["attributes"], json!({ "$email_address": "jane@example.org" }));
        assert_eq!(
            read("jane@example.org,u1,0,,,").unwrap()["attributes"]["$email_marketing"],
            "unsubscribed"
        );
    }

    #[test]
    fn a_bad_required_cell_refuses_the_row() {
        let cases = [
            ("x,u2,1,en,GB,Europe/London", "email"),
            ("jane@example.org,,1,,,", "custom_user_id"),
            ("jane@example.org,u1,yes,,,", "marketing_subscription"),
            ("jane@example.org,u1,1,en,GB", ""),
            ("jane@example.org,u1,1,en,GB,Europe/London,", ""),
        ];
        for (line, column) in cases {
            assert_eq!(read(line).unwrap_err().column, column, "{line}");
        }
    }

    #[test]
    fn a_header_is_known_by_its_first_cell() {
        assert!(is_header(&file(" EMail,custom_user_id")));
        assert!(check_order(&file("email,id,optin,language,region,timezone")).is_ok());
        let mixed = check_order(&file(
            "email,language,custom_user_id,marketing_subscription,region,timezone",
        ));
        let said = mixed.unwrap_err().to_string();
        assert!(
            said.starts_with("language stands where custom_user_id belongs"),
            "{said}"
        );
        assert!(!is_header(&file("email@example.org,u1")));
    }
}
