//! From JSON to nodes: queries, their pairs, and what is looked up.

mod condition;
mod field;
mod operand;

use serde_json::{Map, Value as Json};

use super::{
    Fault, Filter, MAX_DEPTH, MAX_LEAVES,
    ast::{CountTest, EventCount, Needs, Node, Order, Reference},
};
use crate::Name;

/// What is queried, which decides the fields and operators there are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// A profile.
    Profile,
    /// The attributes of an event.
    Event,
    /// One object of an array in an event.
    Element,
}

/// A place in the document.
struct Place {
    path: String,
    mode: Mode,
    depth: usize,
}

impl Place {
    fn key(&self, key: &str) -> Self {
        Self {
            path: format!("{}.{key}", self.path),
            ..*self
        }
    }

    fn index(&self, index: usize) -> Self {
        Self {
            path: format!("{}[{index}]", self.path),
            ..*self
        }
    }

    /// The same place as the root of a query one level further down.
    fn nested(&self, mode: Mode) -> Self {
        Self {
            path: self.path.clone(),
            mode,
            depth: self.depth + 1,
        }
    }

    fn fault(&self, message: impl Into<String>) -> Fault {
        Fault {
            path: self.path.clone(),
            message: message.into(),
        }
    }
}

/// Collects what a document needs and everything that is wrong with it.
#[derive(Default)]
pub(super) struct Parser {
    faults: Vec<Fault>,
    leaves: usize,
    needs: Needs,
}

impl Parser {
    pub(super) fn run(root: &str, json: &Json, mode: Mode) -> Result<(Node, Needs), Vec<Fault>> {
        let place = Place {
            path: root.to_owned(),
            mode,
            depth: 1,
        };
        let mut parser = Self::default();
        let node = parser.query(&place, json);
        if parser.faults.is_empty() {
            Ok((node, parser.needs))
        } else {
            Err(parser.faults)
        }
    }

    /// Notes a fault. The node stands in for the one that could not be made; no caller ever sees it.
    fn refuse(&mut self, fault: Fault) -> Node {
        self.faults.push(fault);
        Node::All(Vec::new())
    }

    fn query(&mut self, place: &Place, json: &Json) -> Node {
        if place.depth > MAX_DEPTH {
            return self.refuse(place.fault(format!("a query is at most {MAX_DEPTH} levels deep")));
        }
        match json.as_object() {
            Some(pairs) => all(pairs
                .iter()
                .map(|(key, value)| self.pair(&place.key(key), key, value))
                .collect()),
            None => self.refuse(place.fault("a query is an object")),
        }
    }

    fn pair(&mut self, place: &Place, key: &str, json: &Json) -> Node {
        match key {
            "$and" => Node::All(self.queries(place, json)),
            "$or" => Node::Any(self.queries(place, json)),
            "$not" => Node::Not(Box::new(self.query(&place.nested(place.mode), json))),
            "$event" | "$segment" | "$audience" if place.mode != Mode::Profile => {
                self.refuse(place.fault(format!("{key} is not allowed inside an event filter")))
            }
            "$event" => self.event(place, json),
            "$segment" => {
                let references = self.references(place, json);
                Node::Segment(
                    references
                        .into_iter()
                        .map(|name| intern(&mut self.needs.segments, name))
                        .collect(),
                )
            }
            "$audience" => {
                let references = self.references(place, json);
                Node::Audience(
                    references
                        .into_iter()
                        .map(|name| intern(&mut self.needs.audiences, name))
                        .collect(),
                )
            }
            _ => match field::parse(key, place.mode) {
                Ok((field, form)) => self.condition(place, &field, form, json),
                Err(message) => self.refuse(place.fault(message)),
            },
        }
    }

    fn queries(&mut self, place: &Place, json: &Json) -> Vec<Node> {
        let Some(items) = json.as_array().filter(|items| !items.is_empty()) else {
            return vec![self.refuse(place.fault("a list of at least one query is expected"))];
        };
        let numbered = items.iter().enumerate();
        numbered
            .map(|(index, item)| self.query(&place.index(index).nested(place.mode), item))
            .collect()
    }

    /// Counts a leaf condition; the first one too many is a fault.
    fn leaf(&mut self, place: &Place) {
        self.leaves += 1;
        if self.leaves == MAX_LEAVES + 1 {
            self.refuse(place.fault(format!("a query has at most {MAX_LEAVES} conditions")));
        }
    }

    fn references(&mut self, place: &Place, json: &Json) -> Vec<Reference> {
        self.leaf(place);
        let one = |place: &Place, json: &Json| {
            Ok(Reference {
                name: operand::non_empty_string(place, json)?,
                path: place.path.clone(),
            })
        };
        let found = match json {
            Json::Object(pairs) => match (pairs.len(), pairs.get("$in")) {
                (1, Some(list)) => operand::list(&place.key("$in"), list, one),
                _ => Err(place.fault("a string or an object with $in alone is expected")),
            },
            _ => one(place, json).map(|reference| vec![reference]),
        };
        found.unwrap_or_else(|fault| {
            self.refuse(fault);
            Vec::new()
        })
    }

    fn event(&mut self, place: &Place, json: &Json) -> Node {
        self.leaf(place);
        let node = match json.as_object() {
            Some(members) => self.event_members(place, members),
            None => Err(place.fault("an object with a name is expected")),
        };
        node.unwrap_or_else(|fault| self.refuse(fault))
    }

    fn event_members(&mut self, place: &Place, members: &Map<String, Json>) -> Result<Node, Fault> {
        let name = members.get("name").ok_or_else(|| place.fault("name is missing"))?;
        let name = operand::string(&place.key("name"), name)?;
        let name = Name::parse(&name).map_err(|invalid| place.key("name").fault(invalid.to_string()))?;
        let mut wanted = EventCount::new(name.into_string());
        let mut count = vec![CountTest::Compare(Order::GreaterOrEqual, 1)];
        for (key, json) in members {
            let place = place.key(key);
            match key.as_str() {
                "name" => {}
                "within" => wanted.within = operand::span(&place, json)?,
                "count" => count = counts(&place, json)?,
                "filter" => {
                    let root = self.query(&place.nested(Mode::Event), json);
                    wanted.filter = Some(Filter { root });
                }
                _ => return Err(place.fault("only name, within, count and filter are known here")),
            }
        }
        let known = &mut self.needs.event_counts;
        let need = known.iter().position(|other| *other == wanted).unwrap_or_else(|| {
            known.push(wanted);
            known.len() - 1
        });
        Ok(Node::Event { need, count })
    }
}

/// A conjunction, without a level of its own around a single node.
fn all(mut nodes: Vec<Node>) -> Node {
    match nodes.pop() {
        Some(only) if nodes.is_empty() => only,
        last => {
            nodes.extend(last);
            Node::All(nodes)
        }
    }
}

/// The place of the reference among those known, where it is added if it is new.
fn intern(known: &mut Vec<Reference>, reference: Reference) -> usize {
    known
        .iter()
        .position(|other| other.name == reference.name)
        .unwrap_or_else(|| {
            known.push(reference);
            known.len() - 1
        })
}

fn counts(place: &Place, json: &Json) -> Result<Vec<CountTest>, Fault> {
    let tests = json.as_object().filter(|tests| !tests.is_empty());
    let tests = tests.ok_or_else(|| place.fault("an object of operators and whole numbers is expected"))?;
    tests
        .iter()
        .map(|(key, json)| {
            let place = place.key(key);
            let number = json
                .as_u64()
                .ok_or_else(|| place.fault("a whole number from 0 is expected"));
            match (key.as_str(), operand::order(key)) {
                (_, Some(order)) => Ok(CountTest::Compare(order, number?)),
                ("$eq", None) => Ok(CountTest::Equals(number?)),
                ("$ne" | "$neq", None) => Ok(CountTest::Differs(number?)),
                _ => Err(place.fault("a count knows $eq, $ne, $lt, $lte, $gt and $gte")),
            }
        })
        .collect()
}
