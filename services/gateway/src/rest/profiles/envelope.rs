//! The shape of a body of edits. Whatever is inside attributes and events is ingestion's business.

use chappe_kit::Error;
use chappe_proto::{
    ingestion::ProfileUpdate,
    types::{Identifier, Installation, RawObject, RawValue, identifier, raw_value::Kind},
};

use crate::{
    body,
    failure::{malformed, missing},
    updates::shallow,
};

/// Reads the edits of a body, all of them or none.
pub(super) fn parse(bytes: &[u8], ceiling: usize) -> Result<Vec<ProfileUpdate>, Error> {
    let document: RawValue = body::json(bytes)?;
    let Some(Kind::ListValue(list)) = document.kind else {
        return Err(malformed("body", "must be an array of edits"));
    };
    if list.items.len() > ceiling {
        return Err(malformed("body", &format!("must hold at most {ceiling} edits")));
    }
    list.items.into_iter().enumerate().map(edit).collect()
}

fn edit((index, item): (usize, RawValue)) -> Result<ProfileUpdate, Error> {
    let Some(Kind::ObjectValue(object)) = item.kind else {
        return Err(malformed(&format!("[{index}]"), "must be an object"));
    };
    let [identifiers, attributes, events] = take(object, ["identifiers", "attributes", "events"]);
    Ok(ProfileUpdate {
        identifier: Some(identifier(&format!("[{index}].identifiers"), identifiers)?),
        attributes: attributes.map(shallow),
        events: events.map(shallow),
    })
}

fn identifier(path: &str, value: Option<RawValue>) -> Result<Identifier, Error> {
    let object = match value.and_then(|value| value.kind) {
        None => return Err(missing(path)),
        Some(Kind::ObjectValue(object)) => object,
        Some(_) => return Err(malformed(path, "must be an object")),
    };
    let kind = match take(object, ["custom_id", "installation"]) {
        [Some(_), Some(_)] => return Err(malformed(path, "must hold either custom_id or installation")),
        [Some(custom_id), None] => identifier::Kind::CustomId(text(Some(custom_id))),
        [
            None,
            Some(RawValue {
                kind: Some(Kind::ObjectValue(object)),
            }),
        ] => {
            let [app_key, installation_id] = take(object, ["apikey", "installation_id"]);
            identifier::Kind::Installation(Installation {
                app_key: text(app_key),
                installation_id: text(installation_id),
            })
        }
        [None, Some(_)] => return Err(malformed(&format!("{path}.installation"), "must be an object")),
        [None, None] => return Err(missing(path)),
    };
    Ok(Identifier { kind: Some(kind) })
}

/// The values of some keys; the last of a repeated key wins, and null is absent.
fn take<const N: usize>(object: RawObject, keys: [&str; N]) -> [Option<RawValue>; N] {
    let mut values = [const { None }; N];
    for field in object.fields {
        if let Some(at) = keys.iter().position(|key| *key == field.key) {
            values[at] = field.value.filter(|value| value.kind.is_some());
        }
    }
    values
}

/// A string, or the empty one, which ingestion refuses for this item alone.
fn text(value: Option<RawValue>) -> String {
    match value.and_then(|value| value.kind) {
        Some(Kind::StringValue(text)) => text,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(body: &str) -> String {
        parse(body.as_bytes(), 3).unwrap_err().message().to_owned()
    }

    #[test]
    fn faults_of_the_whole_body_are_named_by_their_path() {
        assert_eq!(fault(""), "malformed JSON body");
        assert_eq!(fault("["), "malformed JSON body");
        assert_eq!(fault("{}"), "malformed parameter: body: must be an array of edits");
        assert_eq!(
            fault("[{},{},{},{}]"),
            "malformed parameter: body: must hold at most 3 edits"
        );
        assert_eq!(fault("[7]"), "malformed parameter: [0]: must be an object");
        assert_eq!(
            fault(r#"[{"identifiers":{"custom_id":"a"}},{}]"#),
            "missing parameter: [1].identifiers"
        );
        assert_eq!(
            fault(r#"[{"identifiers":{"crm_id":"a"}}]"#),
            "missing parameter: [0].identifiers"
        );
        assert_eq!(
            fault(r#"[{"identifiers":{"custom_id":"a","installation":{}}}]"#),
            "malformed parameter: [0].identifiers: must hold either custom_id or installation"
        );
    }

    #[test]
    fn a_fault_anywhere_in_the_json_comes_before_the_shape() {
        assert_eq!(fault("[{}, "), "malformed JSON body");
        assert_eq!(
            parse(b"[{\"a\":\"\xff\"}]", 3).unwrap_err().message(),
            "malformed JSON body"
        );
    }

    #[test]
    fn wrong_ids_are_left_to_ingestion() {
        let edits = parse(
            br#"[{"identifiers":{"custom_id":7}},{"identifiers":{"installation":{}}}]"#,
            3,
        )
        .unwrap();
        let kinds: Vec<_> = edits
            .into_iter()
            .map(|edit| edit.identifier.unwrap().kind.unwrap())
            .collect();
        assert_eq!(
            kinds,
            [
                identifier::Kind::CustomId(String::new()),
                identifier::Kind::Installation(Installation::default())
            ]
        );
    }

    #[test]
    fn a_byte_order_mark_and_unknown_keys_are_skipped() {
        let body = "\u{feff}[{\"identifiers\":{\"custom_id\":\"a\",\"email\":\"x\"},\"extra\":[1]}]";
        let edits = parse(body.as_bytes(), 3).unwrap();
        assert_eq!(edits.len(), 1);
        assert_eq!(edits[0].attributes, None);
    }
}
