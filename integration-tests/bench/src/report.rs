//! Figures and how they are told.

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    lines: Vec<Line>,
    notes: Vec<String>,
}

/// One figure beside what it is measured against.
#[derive(Debug, Serialize)]
struct Line {
    what: String,
    unit: &'static str,
    figure: f64,
    ceiling: Option<f64>,
    ratio: Option<f64>,
    goal: Option<Goal>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    /// The ratio is at least this.
    Ratio(f64),
    /// The figure is below this.
    Below(f64),
}

impl Report {
    pub(crate) fn figure(&mut self, what: impl Into<String>, unit: &'static str, figure: f64, goal: Option<Goal>) {
        self.lines.push(Line {
            what: what.into(),
            unit,
            figure,
            ceiling: None,
            ratio: None,
            goal,
        });
    }

    /// A figure beside its ceiling in the same run.
    pub(crate) fn ratio(&mut self, what: &str, unit: &'static str, figure: f64, ceiling: f64, goal: Option<f64>) {
        self.lines.push(Line {
            what: what.to_owned(),
            unit,
            figure,
            ceiling: Some(ceiling),
            ratio: Some(figure / ceiling),
            goal: goal.map(Goal::Ratio),
        });
    }

    pub(crate) fn note(&mut self, note: &str) {
        self.notes.push(note.to_owned());
    }

    /// Markdown, which reads well on a terminal too.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        table.set_header(["what", "unit", "figure", "ceiling", "ratio", "goal"]);
        for line in &self.lines {
            table.add_row([
                line.what.clone(),
                line.unit.to_owned(),
                number(line.figure),
                line.ceiling.map_or_else(String::new, number),
                line.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
                line.goal.map_or_else(String::new, |goal| goal.text(line)),
            ]);
        }
        for column in table.column_iter_mut().skip(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let notes = self.notes.iter().map(|note| format!("\n{note}"));
        format!("{table}{}", notes.collect::<String>())
    }
}

impl Goal {
    fn text(self, line: &Line) -> String {
        let (goal, is_met) = match self {
            Self::Ratio(least) => (format!("≥ {least:.2}"), line.ratio >= Some(least)),
            Self::Below(most) => (format!("< {}", number(most)), line.figure < most),
        };
        format!("{goal}, {}", if is_met { "met" } else { "missed" })
    }
}

fn number(value: f64) -> String {
    if value < 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// So many of something per second.
pub(crate) fn per_second(count: usize, time: Duration) -> f64 {
    float(count) / time.as_secs_f64()
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn float(count: usize) -> f64 {
    count as f64
}

/// The value in the middle.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
