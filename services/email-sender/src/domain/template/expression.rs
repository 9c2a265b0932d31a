//! Expressions, rewritten for the engine: every operator in parentheses or as a function of ours, so that its
//! precedence and what it makes of missing values are those of the template language.

use super::{
    Fault,
    cursor::Expressions,
    filters,
    lexer::{Kind, Token},
    words::{describe, literal},
};

/// How deeply expressions may nest.
const MAX_DEPTH: u32 = 64;

impl Expressions<'_> {
    /// One expression up to the end of the tag.
    pub(super) fn whole(mut self) -> Result<String, Fault> {
        let expression = self.or()?;
        match self.tokens.get(self.next) {
            None => Ok(expression),
            Some(token) => Err(Fault::new(
                token.at,
                format!("{} is not expected here", describe(&token.kind)),
            )),
        }
    }

    fn or(&mut self) -> Result<String, Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Fault::new(self.at(), "expressions nest too deeply"));
        }
        let mut left = self.and()?;
        while self.eat_word("or") || self.eat("||") {
            left = format!("({left} or {})", self.and()?);
        }
        self.depth -= 1;
        Ok(left)
    }

    fn and(&mut self) -> Result<String, Fault> {
        let mut left = self.not()?;
        while self.eat_word("and") || self.eat("&&") {
            left = format!("({left} and {})", self.not()?);
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<String, Fault> {
        let mut negations = 0;
        while self.eat_word("not") || self.eat("!") {
            negations += 1;
        }
        let inner = self.comparison()?;
        Ok(match negations {
            0 => inner,
            n if n % 2 == 1 => format!("(not {inner})"),
            _ => format!("(not (not {inner}))"),
        })
    }

    fn comparison(&mut self) -> Result<String, Fault> {
        const COMPARISONS: [(&str, &str); 6] = [
            ("==", "F_eq"),
            ("!=", "F_ne"),
            ("<=", "F_le"),
            (">=", "F_ge"),
            ("<", "F_lt"),
            (">", "F_gt"),
        ];
        let left = self.sum()?;
        let Some(function) = self.eat_any(&COMPARISONS) else {
            return Ok(left);
        };
        let compared = format!("{function}({left}, {})", self.sum()?);
        let at = self.at();
        match self.eat_any(&COMPARISONS) {
            None => Ok(compared),
            Some(_) => Err(Fault::new(at, "comparisons do not chain: join two with `and`")),
        }
    }

    fn sum(&mut self) -> Result<String, Fault> {
        let mut left = self.product()?;
        while let Some(function) = self.eat_any(&[("+", "F_add"), ("-", "F_sub")]) {
            left = format!("{function}({left}, {})", self.product()?);
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<String, Fault> {
        let mut left = self.filtered()?;
        while let Some(function) = self.eat_any(&[("*", "F_mul"), ("/", "F_div"), ("%", "F_rem")]) {
            left = format!("{function}({left}, {})", self.filtered()?);
        }
        Ok(left)
    }

    fn filtered(&mut self) -> Result<String, Fault> {
        let mut value = self.negated()?;
        while self.eat("|") {
            let at = self.at();
            let Some(Kind::Name(name)) = self.take() else {
                return Err(Fault::new(at, "the name of a filter is missing after |"));
            };
            if !filters::NAMES.contains(&name.as_str()) {
                let known = filters::NAMES.join(", ");
                return Err(Fault::new(
                    at,
                    format!(
                        "there is no filter {name} in this version{}; there are {known}",
                        chappe_kit::did_you_mean(&name, filters::NAMES)
                    ),
                ));
            }
            let arguments = if self.eat("(") {
                self.arguments()?
            } else {
                String::new()
            };
            value = format!("({value})|{name}({arguments})");
        }
        Ok(value)
    }

    /// `'x'`, `key: 'x'` or `key='x'`, separated by commas, up to the closing parenthesis.
    fn arguments(&mut self) -> Result<String, Fault> {
        let mut arguments = Vec::new();
        while !self.eat(")") {
            if !arguments.is_empty() && !self.eat(",") {
                return Err(Fault::new(
                    self.at(),
                    "arguments are separated by commas and end with )",
                ));
            }
            let key = match self.tokens.get(self.next..) {
                Some(
                    [
                        Token {
                            kind: Kind::Name(key), ..
                        },
                        Token {
                            kind: Kind::Symbol(":" | "="),
                            ..
                        },
                        ..,
                    ],
                ) => {
                    self.next += 2;
                    format!("{key}=")
                }
                _ => String::new(),
            };
            arguments.push(key + &self.or()?);
        }
        Ok(arguments.join(", "))
    }

    fn negated(&mut self) -> Result<String, Fault> {
        let mut negations = 0;
        while self.eat("-") {
            negations += 1;
        }
        let mut value = self.member()?;
        for _ in 0..negations {
            value = format!("F_neg({value})");
        }
        Ok(value)
    }

    fn member(&mut self) -> Result<String, Fault> {
        let mut value = self.primary()?;
        loop {
            if self.eat(".") {
                value = format!("{value}[{:?}]", self.member_name()?);
            } else if self.eat("[") {
                let index = self.or()?;
                self.expect("]")?;
                value = format!("{value}[{index}]");
            } else {
                return Ok(value);
            }
        }
    }

    fn member_name(&mut self) -> Result<String, Fault> {
        let at = self.at();
        match self.take() {
            Some(Kind::Name(name)) => Ok(name),
            _ => Err(Fault::new(at, "a name is missing after the dot")),
        }
    }

    fn primary(&mut self) -> Result<String, Fault> {
        let at = self.at();
        match self.take() {
            Some(Kind::Number(number)) if number.contains('.') => Ok(number),
            Some(Kind::Number(number)) => match number.parse::<i64>() {
                Ok(integer) => Ok(integer.to_string()),
                Err(_) => Err(Fault::new(at, "this number is too large")),
            },
            Some(Kind::Text(text)) => Ok(literal(&text)),
            Some(Kind::Variable(name)) => Ok(self.variable(&name)),
            Some(Kind::Name(name)) => self.reference(&name, at),
            Some(Kind::Symbol("(")) => {
                let inner = self.or()?;
                self.expect(")")?;
                Ok(format!("({inner})"))
            }
            Some(kind) => Err(Fault::new(at, format!("{} is not expected here", describe(&kind)))),
            None => Err(Fault::new(at, "a value is missing here")),
        }
    }

    fn variable(&self, name: &str) -> String {
        if name == "loop" && !self.loops.is_empty() {
            return "loop".to_owned();
        }
        format!("D_{name}")
    }

    fn reference(&mut self, name: &str, at: usize) -> Result<String, Fault> {
        let dotted = matches!(
            self.tokens.get(self.next),
            Some(Token {
                kind: Kind::Symbol("."),
                ..
            })
        );
        Ok(match name {
            "true" | "false" => name.to_owned(),
            "null" => "none".to_owned(),
            "and" | "or" | "not" => return Err(Fault::new(at, format!("a value is missing before {name}"))),
            "loop" if !self.loops.is_empty() => name.to_owned(),
            _ if self.loops.iter().any(|variable| variable == name) => format!("D_{name}"),
            "unsubscribe_url" => "D_unsubscribe_url".to_owned(),
            "audience" | "catalog" => {
                return Err(Fault::new(at, format!("{name}(…) is not in this version")));
            }
            "c" | "u" | "t" | "ut" if dotted => {
                self.next += 1;
                format!("A_{}", self.member_name()?)
            }
            "event" | "e" if dotted => {
                self.next += 1;
                match self.member_name()?.as_str() {
                    "name" => "E_name".to_owned(),
                    name @ ("label" | "tags") => format!("E[\"${name}\"]"),
                    name => format!("E[{name:?}]"),
                }
            }
            "event" => return Err(Fault::new(at, "write event.attribute")),
            name => format!("A_{name}"),
        })
    }
}
