//! How deep a value may be nested.

use chappe_proto::types::{RawList, RawObject, RawValue, raw_value::Kind};

/// Levels that travel. Each costs up to three of the hundred that protobuf decoders allow, and nothing below the
/// third level of an event is ever accepted.
const MAX_DEPTH: usize = 16;

/// Empties what lies deeper than any valid value. It is refused all the same, for what lies above it.
pub(crate) fn shallow(mut value: RawValue) -> RawValue {
    prune(&mut value, MAX_DEPTH);
    value
}

fn prune(value: &mut RawValue, left: usize) {
    match &mut value.kind {
        Some(Kind::ListValue(list)) if left == 0 => *list = RawList::default(),
        Some(Kind::ObjectValue(object)) if left == 0 => *object = RawObject::default(),
        Some(Kind::ListValue(list)) => list.items.iter_mut().for_each(|item| prune(item, left - 1)),
        Some(Kind::ObjectValue(object)) => {
            let values = object.fields.iter_mut().filter_map(|field| field.value.as_mut());
            values.for_each(|value| prune(value, left - 1));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;

    #[test]
    fn the_deepest_json_survives_the_wire() {
        let deep = r#"{"a":"#.repeat(120) + "1" + &"}".repeat(120);
        let value = shallow(serde_json::from_str(&deep).unwrap());
        assert_eq!(RawValue::decode(value.encode_to_vec().as_slice()), Ok(value));
    }

    #[test]
    fn whatever_may_be_valid_is_left_alone() {
        let value: RawValue = serde_json::from_str(r#"{"a":[{"b":{"c":[1,"x",null]}}]}"#).unwrap();
        assert_eq!(shallow(value.clone()), value);
    }
}
