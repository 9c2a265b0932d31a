//! Templates: our language, rewritten for minijinja, which brings the machine, its limits and the escaping.
//!
//! ```text
//! source ─ lexer ─▶ tokens ─ translate ─▶ the engine's source ─ engine ─▶ text
//! ```

mod context;
mod cursor;
mod date;
mod engine;
mod expression;
mod filters;
mod lexer;
mod operators;
mod translate;
mod words;

#[cfg(test)]
mod tests;

pub(crate) use context::Context;
pub(crate) use engine::{Compiled, Part, RenderError, Rendered, escape_html};

/// Octets of one part of a template.
pub(crate) const MAX_SOURCE: usize = 512 * 1024;
/// Octets of one rendered part.
pub(crate) const MAX_OUTPUT: usize = 2 * 1024 * 1024;
/// Steps of the engine for one part: what 10,000 turns of a loop with a few expressions take, and far below 50 ms.
const FUEL: u64 = 400_000;

/// What is wrong with a template, and where.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    /// In octets from the beginning.
    at: usize,
    what: String,
}

impl Fault {
    fn new(at: usize, what: impl Into<String>) -> Self {
        Self { at, what: what.into() }
    }

    /// For the author: line and column, counted from 1 in characters.
    pub(crate) fn describe(&self, source: &str) -> String {
        let before = &source[..source.floor_char_boundary(self.at)];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("line {line}, column {column}: {}", self.what)
    }
}
