//! The tokens of a tag, read from left to right.

use super::{
    Fault,
    lexer::{Kind, Token},
};

/// Reads one expression after the other from the tokens of a tag.
pub(super) struct Expressions<'a> {
    pub(super) tokens: &'a [Token],
    pub(super) next: usize,
    end: usize,
    pub(super) loops: &'a [String],
    pub(super) depth: u32,
}

impl<'a> Expressions<'a> {
    /// `end` is where the tag closes; `loops` are the loop variables in reach.
    pub(super) fn new(tokens: &'a [Token], end: usize, loops: &'a [String]) -> Self {
        Self {
            tokens,
            next: 0,
            end,
            loops,
            depth: 0,
        }
    }

    pub(super) fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |token| token.at)
    }

    pub(super) fn take(&mut self) -> Option<Kind> {
        let token = self.tokens.get(self.next)?;
        self.next += 1;
        Some(token.kind.clone())
    }

    pub(super) fn eat(&mut self, symbol: &str) -> bool {
        let found = matches!(self.tokens.get(self.next), Some(Token { kind: Kind::Symbol(it), .. }) if *it == symbol);
        self.next += usize::from(found);
        found
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.next), Some(Token { kind: Kind::Name(it), .. }) if it == word);
        self.next += usize::from(found);
        found
    }

    pub(super) fn eat_any(&mut self, symbols: &[(&str, &'static str)]) -> Option<&'static str> {
        symbols
            .iter()
            .find(|(symbol, _)| self.eat(symbol))
            .map(|(_, function)| *function)
    }

    pub(super) fn expect(&mut self, symbol: &str) -> Result<(), Fault> {
        let at = self.at();
        if self.eat(symbol) {
            return Ok(());
        }
        Err(Fault::new(at, format!("{symbol} is missing here")))
    }
}
