//! The targeting language: queries over profiles and filters over events.
//!
//! A query is parsed once into a tree of [`Node`]s whose operators are few, since the negative ones are
//! written as [`Node::Not`] around the positive ones. The tree is public, so that a store can translate it.

mod ast;
mod evaluate;
mod parse;
#[cfg(test)]
mod tests;

use serde_json::Value as Json;

pub use ast::{
    CountTest, EventCount, Field, Instant, Needs, Node, Operand, Order, Reference, Scalar, Source, StoredAs, Test,
};
pub use evaluate::{Answers, Moment, Subject};

use crate::{Attributes, CalendarSpan, Unit};
use evaluate::Scope;
use parse::{Mode, Parser};

/// The deepest nesting; the query itself is at depth 1, and every nested query, `$not`, `$elemMatch` and event
/// filter adds 1.
pub const MAX_DEPTH: usize = 10;

/// The most leaf conditions: operators on fields, `$event`, `$segment` and `$audience`, those in event filters
/// included.
pub const MAX_LEAVES: usize = 100;

/// The most values in one list.
pub const MAX_LIST_VALUES: usize = 500;

/// How far back `$event` counts where the query does not say.
pub const DEFAULT_EVENT_WINDOW: CalendarSpan = CalendarSpan::new(90, Unit::Day);

/// What is wrong with a query, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// From the root the caller named: `targeting.query.$or[1].age.$lt`.
    pub path: String,
    /// A sentence fragment for the author of the query.
    pub message: String,
}

/// A query over profiles.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    root: Node,
    needs: Needs,
}

impl Query {
    /// Parses a query; `root` starts the path of every fault. Whether segments and audiences exist is for the
    /// caller to check: [`Needs`] says where they are named.
    pub fn parse(root: &str, json: &Json) -> Result<Self, Vec<Fault>> {
        let (root, needs) = Parser::run(root, json, Mode::Profile)?;
        Ok(Self { root, needs })
    }

    /// The tree, for translation into the language of a store.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// What must be looked up besides the profile's own attributes before the query can be evaluated.
    pub fn needs(&self) -> &Needs {
        &self.needs
    }

    /// Whether the profile is selected.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        self.root.holds(&Scope::of_subject(subject))
    }
}

/// A query over the attributes of one event.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    root: Node,
}

impl Filter {
    /// Parses a filter; `root` starts the path of every fault.
    pub fn parse(root: &str, json: &Json) -> Result<Self, Vec<Fault>> {
        let (root, _) = Parser::run(root, json, Mode::Event)?;
        Ok(Self { root })
    }

    /// The tree, for translation into the language of a store.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// Whether the event passes. The zone of the moment is that of the profile.
    pub fn matches(&self, attributes: &Attributes, moment: Moment) -> bool {
        self.root.holds(&Scope::of_event(attributes, moment))
    }
}
