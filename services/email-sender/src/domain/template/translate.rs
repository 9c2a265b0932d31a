//! Rewrites a template of our language into one of the engine's.

use super::{
    Fault,
    cursor::Expressions,
    lexer::{Inside, Kind, Piece, Token, pieces},
    words::{assignable, describe},
};

/// How deeply blocks may nest.
const MAX_BLOCKS: usize = 64;

/// A block that is open.
struct Block {
    kind: BlockKind,
    at: usize,
    had_else: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum BlockKind {
    If,
    For,
}

impl BlockKind {
    const fn word(self) -> &'static str {
        match self {
            Self::If => "if",
            Self::For => "for",
        }
    }
}

/// The engine's source. `html` decodes entities inside tags.
pub(super) fn translate(source: &str, html: bool) -> Result<String, Fault> {
    let mut translation = Translation {
        out: String::with_capacity(source.len() + 256),
        blocks: Vec::new(),
        loops: Vec::new(),
    };
    for piece in pieces(source, html)? {
        match piece {
            Piece::Text(text) => translation.out.push_str(text),
            Piece::Output(inside) => {
                let expression = Expressions::new(&inside.tokens, inside.end, &translation.loops).whole()?;
                translation.write(("{{", "}}"), inside.trim, &expression);
            }
            Piece::Tag(inside) => translation.tag(&inside)?,
        }
    }
    match translation.blocks.last() {
        None => Ok(translation.out),
        Some(block) => {
            let word = block.kind.word();
            Err(Fault::new(
                block.at,
                format!("this {word} is not closed: {{% end{word} %}} is missing"),
            ))
        }
    }
}

struct Translation {
    out: String,
    blocks: Vec<Block>,
    /// Loop variables in reach, innermost last.
    loops: Vec<String>,
}

impl Translation {
    fn write(&mut self, (open, close): (&str, &str), trim: (bool, bool), inner: &str) {
        self.out.push_str(open);
        self.out.push_str(if trim.0 { "- " } else { " " });
        self.out.push_str(inner);
        self.out.push_str(if trim.1 { " -" } else { " " });
        self.out.push_str(close);
    }

    fn tag(&mut self, inside: &Inside) -> Result<(), Fault> {
        let Some((first, rest)) = inside.tokens.split_first() else {
            return Err(Fault::new(inside.start, "this tag is empty"));
        };
        let Kind::Name(word) = &first.kind else {
            return Err(Fault::new(first.at, format!("{} is not a tag", describe(&first.kind))));
        };
        let inner = match (word.as_str(), rest) {
            ("if", condition) => {
                self.open(BlockKind::If, inside.start)?;
                format!("if {}", self.expression(condition, inside)?)
            }
            (
                "else",
                [
                    Token {
                        kind: Kind::Name(word), ..
                    },
                    condition @ ..,
                ],
            ) if word == "if" => {
                self.otherwise(first.at, true)?;
                format!("elif {}", self.expression(condition, inside)?)
            }
            ("elseif" | "elif", condition) => {
                self.otherwise(first.at, true)?;
                format!("elif {}", self.expression(condition, inside)?)
            }
            ("else", []) => {
                self.otherwise(first.at, false)?;
                "else".to_owned()
            }
            ("for", rest) => self.start_loop(rest, inside)?,
            ("set", rest) => {
                let name = assignable(rest.first(), inside.end)?;
                let Some(
                    [
                        Token {
                            kind: Kind::Symbol("="),
                            ..
                        },
                        value @ ..,
                    ],
                ) = rest.get(1..)
                else {
                    return Err(Fault::new(inside.end, "write {% set $name = value %}"));
                };
                format!("set D_{name} = {}", self.expression(value, inside)?)
            }
            ("end" | "endif" | "endfor", []) => self.close(word, first.at)?,
            ("end" | "endif" | "endfor" | "else", [extra, ..]) => {
                return Err(Fault::new(extra.at, format!("nothing stands after {word}")));
            }
            _ => {
                return Err(Fault::new(
                    first.at,
                    format!("there is no tag {word}; there are if, for and set"),
                ));
            }
        };
        self.write(("{%", "%}"), inside.trim, &inner);
        Ok(())
    }

    fn expression(&self, tokens: &[Token], inside: &Inside) -> Result<String, Fault> {
        Expressions::new(tokens, inside.end, &self.loops).whole()
    }

    fn open(&mut self, kind: BlockKind, at: usize) -> Result<(), Fault> {
        if self.blocks.len() == MAX_BLOCKS {
            return Err(Fault::new(at, "blocks nest too deeply"));
        }
        self.blocks.push(Block {
            kind,
            at,
            had_else: false,
        });
        Ok(())
    }

    fn otherwise(&mut self, at: usize, conditional: bool) -> Result<(), Fault> {
        let block = self
            .blocks
            .last_mut()
            .ok_or_else(|| Fault::new(at, "else stands inside an if or a for"))?;
        if block.had_else {
            return Err(Fault::new(at, "this block has had its else"));
        }
        if conditional && block.kind == BlockKind::For {
            return Err(Fault::new(at, "a for has a plain else only"));
        }
        block.had_else = !conditional;
        if block.kind == BlockKind::For {
            // Where there was nothing to loop over there is no loop variable.
            if let Some(name) = self.loops.last_mut() {
                name.clear();
            }
        }
        Ok(())
    }

    /// `for $item in expression`; the variable is known inside with and without its `$`.
    fn start_loop(&mut self, tokens: &[Token], inside: &Inside) -> Result<String, Fault> {
        let (name, rest) = match tokens {
            [
                Token {
                    kind: Kind::Name(name),
                    at,
                },
                rest @ ..,
            ] => {
                let variable = Token {
                    kind: Kind::Variable(name.clone()),
                    at: *at,
                };
                (assignable(Some(&variable), inside.end)?, rest)
            }
            tokens => (
                assignable(tokens.first(), inside.end)?,
                tokens.get(1..).unwrap_or_default(),
            ),
        };
        match rest {
            [
                Token {
                    kind: Kind::Name(word), ..
                },
                list @ ..,
            ] if word == "in" => {
                let list = self.expression(list, inside)?;
                self.open(BlockKind::For, inside.start)?;
                let tag = format!("for D_{name} in F_items({list})");
                self.loops.push(name);
                Ok(tag)
            }
            other => Err(Fault::new(
                other.first().map_or(inside.end, |it| it.at),
                "write {% for $item in list %}",
            )),
        }
    }

    fn close(&mut self, word: &str, at: usize) -> Result<String, Fault> {
        let block = self
            .blocks
            .pop()
            .ok_or_else(|| Fault::new(at, format!("{word} closes nothing")))?;
        let own = format!("end{}", block.kind.word());
        if word != "end" && word != own {
            return Err(Fault::new(at, format!("{own} is expected here, not {word}")));
        }
        if block.kind == BlockKind::For {
            self.loops.pop();
        }
        Ok(own)
    }
}
