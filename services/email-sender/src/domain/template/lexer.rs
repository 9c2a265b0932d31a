//! Cuts a template into text and tags, and the inside of a tag into tokens.

use super::Fault;

/// A piece of a template.
pub(super) enum Piece<'a> {
    /// To be printed as it stands.
    Text(&'a str),
    /// `{{ … }}`
    Output(Inside),
    /// `{% … %}`
    Tag(Inside),
}

/// The inside of a tag.
pub(super) struct Inside {
    pub(super) tokens: Vec<Token>,
    /// `-` on the left side eats the white space before the tag, on the right side that after it.
    pub(super) trim: (bool, bool),
    /// Where the tag begins and where its closing mark stands, in bytes.
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A token and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A name, folded.
    Name(String),
    /// A name after `$`, folded, without it.
    Variable(String),
    Text(String),
    Number(String),
    Symbol(&'static str),
}

/// Longest first, so that `<=` is not read as `<`.
const SYMBOLS: [&str; 24] = [
    "==", "!=", "<=", ">=", "||", "&&", "<", ">", "=", "!", "|", "+", "-", "*", "/", "%", "(", ")", "[", "]", ".", ",",
    ":", ";",
];

/// What visual editors write for the characters that mean something in HTML.
const ENTITIES: [(&str, char); 5] = [
    ("&lt;", '<'),
    ("&gt;", '>'),
    ("&amp;", '&'),
    ("&quot;", '"'),
    ("&#39;", '\''),
];

/// Cuts the whole template. `html` decodes entities inside tags.
pub(super) fn pieces(source: &str, html: bool) -> Result<Vec<Piece<'_>>, Fault> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(start) = next_tag(source, at) {
        if start > at {
            pieces.push(Piece::Text(&source[at..start]));
        }
        let opening = &source[start..start + 2];
        if opening == "{#" {
            let length = source[start..]
                .find("#}")
                .ok_or_else(|| unclosed(start, "comment", "#}"))?;
            at = start + length + 2;
            continue;
        }
        let output = opening == "{{";
        let (inside, next) = inside(source, start, if output { "}}" } else { "%}" }, html)?;
        pieces.push(if output {
            Piece::Output(inside)
        } else {
            Piece::Tag(inside)
        });
        at = next;
    }
    if at < source.len() {
        pieces.push(Piece::Text(&source[at..]));
    }
    Ok(pieces)
}

fn next_tag(source: &str, from: usize) -> Option<usize> {
    let bytes = source.as_bytes();
    (from..bytes.len().saturating_sub(1)).find(|&i| bytes[i] == b'{' && matches!(bytes[i + 1], b'{' | b'%' | b'#'))
}

fn unclosed(at: usize, what: &str, mark: &str) -> Fault {
    Fault::new(at, format!("this {what} is not closed: {mark} is missing"))
}

/// Reads the inside of the tag that begins at `start`; also answers where the text goes on.
fn inside(source: &str, start: usize, closing: &'static str, html: bool) -> Result<(Inside, usize), Fault> {
    let mut chars = Chars {
        source,
        at: start + 2,
        html,
    };
    let left = chars.eat("-");
    let mut tokens = Vec::new();
    loop {
        while chars.peek().is_some_and(|(c, _)| c.is_whitespace() || c == '\u{a0}') {
            chars.next();
        }
        let end = chars.at;
        for (mark, right) in [("-", true), ("", false)] {
            if source[end..].starts_with(mark) && source[end + mark.len()..].starts_with(closing) {
                let inside = Inside {
                    tokens,
                    trim: (left, right),
                    start,
                    end,
                };
                return Ok((inside, end + mark.len() + 2));
            }
        }
        if chars.peek().is_none() {
            return Err(unclosed(start, "tag", closing));
        }
        tokens.push(chars.token(start, closing)?);
    }
}

/// The characters of a tag; an entity is one character.
struct Chars<'a> {
    source: &'a str,
    at: usize,
    html: bool,
}

impl Chars<'_> {
    fn peek(&self) -> Option<(char, usize)> {
        let rest = &self.source[self.at..];
        if self.html
            && let Some((entity, c)) = ENTITIES.iter().find(|(entity, _)| rest.starts_with(entity))
        {
            return Some((*c, entity.len()));
        }
        rest.chars().next().map(|c| (c, c.len_utf8()))
    }

    fn next(&mut self) -> Option<char> {
        let (c, length) = self.peek()?;
        self.at += length;
        Some(c)
    }

    fn eat(&mut self, text: &str) -> bool {
        let before = self.at;
        let eaten = text.chars().all(|c| self.next() == Some(c));
        if !eaten {
            self.at = before;
        }
        eaten
    }

    fn token(&mut self, start: usize, closing: &str) -> Result<Token, Fault> {
        let at = self.at;
        let Some((first, _)) = self.peek() else {
            return Err(unclosed(start, "tag", closing));
        };
        let kind = match first {
            '\'' | '"' => self.text(first)?,
            '0'..='9' => self.number(),
            'a'..='z' | 'A'..='Z' | '_' => Kind::Name(self.word()),
            '$' => {
                self.next();
                let word = self.word();
                if word.is_empty() {
                    return Err(Fault::new(at, "a name is missing after $"));
                }
                Kind::Variable(word)
            }
            _ => {
                let symbol = SYMBOLS.into_iter().find(|symbol| self.eat(symbol));
                Kind::Symbol(symbol.ok_or_else(|| Fault::new(at, format!("{first:?} has no meaning inside a tag")))?)
            }
        };
        Ok(Token { kind, at })
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some((c, _)) = self.peek().filter(|(c, _)| c.is_ascii_alphanumeric() || *c == '_') {
            word.push(c.to_ascii_lowercase());
            self.next();
        }
        word
    }

    fn number(&mut self) -> Kind {
        let mut number = String::new();
        while let Some((c, _)) = self.peek() {
            let fraction = c == '.'
                && !number.contains('.')
                && self.source[self.at + 1..].starts_with(|next: char| next.is_ascii_digit());
            if !(c.is_ascii_digit() || fraction) {
                break;
            }
            number.push(c);
            self.next();
        }
        Kind::Number(number)
    }

    fn text(&mut self, quote: char) -> Result<Kind, Fault> {
        let at = self.at;
        self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                Some(c) if c == quote => return Ok(Kind::Text(text)),
                Some('\\') => text.push(match self.next() {
                    Some('n') => '\n',
                    Some(c @ ('\'' | '"' | '\\')) => c,
                    _ => return Err(Fault::new(self.at - 1, "after \\ stands one of ' \" \\ n")),
                }),
                Some(c) => text.push(c),
                None => return Err(Fault::new(at, format!("this text is not closed: {quote} is missing"))),
            }
        }
    }
}
