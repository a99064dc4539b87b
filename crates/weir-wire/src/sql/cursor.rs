//! A position among the tokens of a text, with the current token at hand. Comments are passed
//! over. A copy looks ahead.

use super::lex::{Kind, Lexer, Token};
use super::name::Name;

#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    text: &'a [u8],
    lexer: Lexer<'a>,
    token: Option<Token<'a>>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        let mut lexer = Lexer::new(text);
        let token = lexer.next_code();
        Self { text, lexer, token }
    }

    #[inline]
    pub(super) fn token(&self) -> Option<Token<'a>> {
        self.token
    }

    #[inline]
    pub(super) fn advance(&mut self) {
        self.token = self.lexer.next_code();
    }

    /// The token after the current one.
    pub(super) fn peek(&self) -> Option<Token<'a>> {
        let mut ahead = *self;
        ahead.advance();
        ahead.token
    }

    /// Whether the current token is the keyword `word` (lower case).
    #[inline]
    pub(super) fn is(&self, word: &[u8]) -> bool {
        self.token.is_some_and(|token| token.is(word))
    }

    #[inline]
    pub(super) fn is_kind(&self, kind: Kind) -> bool {
        self.token.as_ref().is_some_and(|token| token.kind == kind)
    }

    /// The text is over, or a semicolon comes.
    #[inline]
    pub(super) fn at_end(&self) -> bool {
        self.token.is_none() || self.is_kind(Kind::Punct(b';'))
    }

    /// Takes the keyword `word` (lower case) if it comes.
    pub(super) fn eat(&mut self, word: &[u8]) -> bool {
        let found = self.is(word);
        if found {
            self.advance();
        }
        found
    }

    /// Takes the first of `words` that comes.
    pub(super) fn eat_any(&mut self, words: &[&[u8]]) -> bool {
        words.iter().any(|word| self.eat(word))
    }

    /// Takes `words` if all of them come, in order; else stays.
    pub(super) fn eat_all(&mut self, words: &[&[u8]]) -> bool {
        let mut ahead = *self;
        let found = words.iter().all(|word| ahead.eat(word));
        if found {
            *self = ahead;
        }
        found
    }

    /// Takes a token of this kind if it comes.
    pub(super) fn eat_kind(&mut self, kind: Kind) -> bool {
        let found = self.is_kind(kind);
        if found {
            self.advance();
        }
        found
    }

    /// Takes a name: a word, a quoted identifier, or the string that some commands take for one.
    pub(super) fn name(&mut self) -> Option<Name<'a>> {
        let token = self
            .token
            .filter(|token| matches!(token.kind, Kind::Word | Kind::Quoted | Kind::String))?;
        self.advance();
        Some(token.into())
    }

    /// Passes over a parenthesised group if one comes.
    pub(super) fn skip_group(&mut self) {
        let mut depth = usize::from(self.eat_kind(Kind::Punct(b'(')));
        while depth > 0 && self.token.is_some() {
            depth += usize::from(self.is_kind(Kind::Punct(b'(')));
            depth -= usize::from(self.is_kind(Kind::Punct(b')')));
            self.advance();
        }
    }

    /// Goes on to where `words` come in order, outside parentheses, in this statement, and takes
    /// them. Without them it ends at the statement's end.
    pub(super) fn find(&mut self, words: &[&[u8]]) -> bool {
        let mut found = 0;
        while !self.at_end() {
            if self.is_kind(Kind::Punct(b'(')) {
                self.skip_group();
                continue;
            }
            found = if self.is(words[found]) { found + 1 } else { usize::from(self.is(words[0])) };
            self.advance();
            if found == words.len() {
                return true;
            }
        }
        false
    }

    /// The text from the current token to the last of the statement, comments at its end apart.
    /// Empty at the statement's end.
    pub(super) fn rest(mut self) -> &'a [u8] {
        let start = self.token.map_or(self.text.len(), |token| token.start);
        let mut end = start;
        while let Some(token) = self.token.filter(|_| !self.at_end()) {
            end = token.end();
            self.advance();
        }
        &self.text[start..end]
    }

    /// The text from `start` to `end`, both in bytes.
    pub(super) fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        &self.text[start..end]
    }
}
