//! Names and texts of a template, as the engine takes them and as faults tell of them.

use chappe_query::Native;

use super::{
    Fault,
    lexer::{Kind, Token},
};

/// The name of a variable that a tag may assign.
pub(super) fn assignable(kind: Option<&Token>, end: usize) -> Result<String, Fault> {
    match kind {
        Some(Token {
            kind: Kind::Variable(name),
            at,
        }) => {
            let native = Native::from_name(&format!("${name}")).is_some();
            if native || matches!(name.as_str(), "loop" | "unsubscribe_url" | "custom_id") {
                return Err(Fault::new(*at, format!("${name} is taken; choose another name")));
            }
            Ok(name.clone())
        }
        other => Err(Fault::new(
            other.map_or(end, |token| token.at),
            "a variable is written $name",
        )),
    }
}

/// A text literal of the engine. It knows these escapes and takes everything else as it is.
pub(super) fn literal(text: &str) -> String {
    let mut literal = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => literal.extend(['\\', c]),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            c => literal.push(c),
        }
    }
    literal.push('"');
    literal
}

/// A token, for the message about it.
pub(super) fn describe(kind: &Kind) -> String {
    match kind {
        Kind::Name(name) => name.clone(),
        Kind::Variable(name) => format!("${name}"),
        Kind::Text(_) => "this text".to_owned(),
        Kind::Number(number) => number.clone(),
        Kind::Symbol(symbol) => (*symbol).to_owned(),
    }
}
