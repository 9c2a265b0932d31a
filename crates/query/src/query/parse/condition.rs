//! Conditions on one field.

use serde_json::{Map, Value as Json};

use super::{Mode, Parser, Place, all, field::Form, operand};
use crate::query::{
    Fault, MAX_DEPTH,
    ast::{Field, Node, Test},
};

impl Parser {
    /// A scalar is `$eq`, null is `$exists: false`, an object holds operators.
    pub(super) fn condition(&mut self, place: &Place, field: &Field, form: Form, json: &Json) -> Node {
        match json {
            Json::Null => self.operator(place, field, form, "$exists", &Json::Bool(false)),
            Json::Object(operators) => self.operators(place, field, form, operators),
            Json::Array(_) => self.refuse(place.fault("a list is no condition: use $in, $containsAny or $containsAll")),
            Json::Bool(_) | Json::Number(_) | Json::String(_) => self.operator(place, field, form, "$eq", json),
        }
    }

    fn operators(&mut self, place: &Place, field: &Field, form: Form, operators: &Map<String, Json>) -> Node {
        if place.depth > MAX_DEPTH {
            return self.refuse(place.fault(format!("a query is at most {MAX_DEPTH} levels deep")));
        }
        if operators.is_empty() || operators.keys().any(|key| !key.starts_with('$')) {
            return self.refuse(place.fault("a condition is an object of operators, and of nothing else"));
        }
        let nodes = operators
            .iter()
            .map(|(key, json)| self.operator(&place.key(key), field, form, key, json));
        all(nodes.collect())
    }

    fn operator(&mut self, place: &Place, field: &Field, form: Form, operator: &str, json: &Json) -> Node {
        let positive = match operator {
            "$ne" | "$neq" => "$eq",
            "$nin" => "$in",
            "$not" => return self.negation(place, field, form, json),
            _ => operator,
        };
        self.leaf(place);
        let test = match self.test(place, field, form, positive, json) {
            Ok(test) => test,
            Err(fault) => return self.refuse(fault),
        };
        let absence = test == Test::Exists && *json == Json::Bool(false);
        let node = Node::Test {
            field: field.clone(),
            test,
        };
        if positive != operator || absence {
            Node::Not(Box::new(node))
        } else {
            node
        }
    }

    fn negation(&mut self, place: &Place, field: &Field, form: Form, json: &Json) -> Node {
        match json.as_object() {
            Some(operators) => Node::Not(Box::new(self.operators(
                &place.nested(place.mode),
                field,
                form,
                operators,
            ))),
            None => self.refuse(place.fault("an object of operators is expected")),
        }
    }

    fn test(&mut self, place: &Place, field: &Field, form: Form, operator: &str, json: &Json) -> Result<Test, Fault> {
        let stored_as = field.stored_as;
        let scalar = |place: &Place, json: &Json| operand::scalar(place, json, stored_as);
        let order = operand::order(operator);
        match (form, operator, order) {
            (Form::Age, _, Some(order)) => Ok(Test::Age(order, operand::span(place, json)?)),
            (Form::Age, ..) => Err(place.fault("age() knows $lt, $lte, $gt and $gte with a length of time")),
            (Form::Birthday, "$eq", _) if *json == true || *json == "today" => Ok(Test::Birthday),
            (Form::Birthday, ..) => Err(place.fault("birthday() takes true or {\"$eq\": \"today\"}")),
            (Form::Plain, _, Some(order)) => Ok(Test::Compare(order, operand::comparable(place, json, stored_as)?)),
            (Form::Plain, "$eq", _) => Ok(Test::Equals(scalar(place, json)?)),
            (Form::Plain, "$in", _) => Ok(Test::In(operand::list(place, json, scalar)?)),
            (Form::Plain, "$contains", _) => Ok(Test::Contains(operand::string(place, json)?)),
            (Form::Plain, "$containsAny", _) => Ok(Test::ContainsAny(operand::list(place, json, operand::string)?)),
            (Form::Plain, "$containsAll", _) => Ok(Test::ContainsAll(operand::list(place, json, operand::string)?)),
            (Form::Plain, "$startsWith", _) => Ok(Test::StartsWith(operand::non_empty_string(place, json)?)),
            (Form::Plain, "$endsWith", _) => Ok(Test::EndsWith(operand::non_empty_string(place, json)?)),
            (Form::Plain, "$exists", _) => operand::boolean(place, json).map(|_| Test::Exists),
            (Form::Plain, "$elemMatch", _) if place.mode != Mode::Profile => Ok(Test::ElementMatches(Box::new(
                self.query(&place.nested(Mode::Element), json),
            ))),
            (Form::Plain, "$elemMatch", _) => Err(place.fault("$elemMatch is for event filters alone")),
            (Form::Plain, ..) => Err(place.fault(format!("{operator} is no operator"))),
        }
    }
}
