//! The attributes that begin with `$`.

use chappe_proto::types::raw_value::Kind;
use chappe_query::{AttributeEdit, MAX_ARRAY_ITEMS, Native, Value, parse_address};

use super::{attribute, value};
use crate::domain::reason::Reason;

/// Most digits of a phone number (E.164).
const MAX_DIGITS: usize = 15;

pub(super) fn check(native: Native, kind: Option<Kind>, identified: bool) -> Result<AttributeEdit, Reason> {
    let personal = matches!(
        native,
        Native::EmailAddress | Native::EmailMarketing | Native::PhoneNumber | Native::SmsMarketing
    );
    if personal && !identified {
        return Err(Reason::NeedsCustomId);
    }
    let Some(kind) = kind else {
        return Ok(AttributeEdit::Remove);
    };
    if native == Native::TopicPreferences {
        return topics(kind);
    }
    let reason = reason(native);
    let Kind::StringValue(text) = kind else {
        return Err(reason);
    };
    let text = match native {
        Native::EmailAddress => parse_address(&text),
        Native::EmailMarketing | Native::SmsMarketing => {
            matches!(text.as_str(), "subscribed" | "unsubscribed").then_some(text)
        }
        Native::PhoneNumber => phone(&text).then_some(text),
        Native::Language => language(&text),
        Native::Region => region(&text),
        Native::Timezone | Native::TopicPreferences => text.parse::<chrono_tz::Tz>().is_ok().then_some(text),
    };
    text.map(|text| AttributeEdit::Set(Value::String(text))).ok_or(reason)
}

const fn reason(native: Native) -> Reason {
    match native {
        Native::EmailAddress => Reason::EmailAddress,
        Native::EmailMarketing | Native::SmsMarketing => Reason::Subscription,
        Native::PhoneNumber => Reason::PhoneNumber,
        Native::Language => Reason::Language,
        Native::Region => Reason::Region,
        Native::Timezone => Reason::Timezone,
        Native::TopicPreferences => Reason::Topic,
    }
}

fn phone(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (1..=MAX_DIGITS).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

/// The primary subtag, folded (RFC 5646 §2.2.1).
fn language(text: &str) -> Option<String> {
    let primary = text.split(['-', '_']).next()?.to_ascii_lowercase();
    let valid = (2..=3).contains(&primary.len()) && primary.bytes().all(|b| b.is_ascii_lowercase());
    valid.then_some(primary)
}

fn region(text: &str) -> Option<String> {
    let region = text.to_ascii_uppercase();
    (region.len() == 2 && region.bytes().all(|b| b.is_ascii_uppercase())).then_some(region)
}

fn topics(kind: Kind) -> Result<AttributeEdit, Reason> {
    let topic = |text: String| {
        let text = value::text(text, Reason::Topic)?.to_ascii_lowercase();
        let valid = text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b));
        if valid { Ok(text) } else { Err(Reason::Topic) }
    };
    match kind {
        Kind::ObjectValue(object) => attribute::patch(object, topic),
        Kind::ListValue(list) => {
            let items = value::strings(list.items).ok_or(Reason::Topic)?;
            if items.len() > MAX_ARRAY_ITEMS {
                return Err(Reason::ArrayLength);
            }
            let topics = items.into_iter().map(topic).collect::<Result<Vec<_>, _>>()?;
            let topics = attribute::distinct(topics);
            Ok(if topics.is_empty() {
                AttributeEdit::Remove
            } else {
                AttributeEdit::Set(Value::Array(topics))
            })
        }
        _ => Err(Reason::Topic),
    }
}
