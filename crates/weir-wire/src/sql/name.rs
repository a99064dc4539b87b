//! Names and string constants as the server reads them.

use std::borrow::Cow;
use std::ops::Range;

use super::lex::{Kind, Lexer, Token};

/// PostgreSQL cuts identifiers to this many bytes (`NAMEDATALEN - 1`).
pub const IDENTIFIER_LEN_MAX: usize = 63;

/// An identifier in a text, as it is written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'a> {
    /// Its bytes, quotes included.
    pub raw: &'a [u8],
    /// Where it begins, in bytes from the start of the text.
    pub start: usize,
}

impl<'a> Name<'a> {
    /// Which bytes of the text it is, for rewriting.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.start..self.start + self.raw.len()
    }

    /// The name that the server sees.
    #[must_use]
    pub fn folded(&self) -> Cow<'a, [u8]> {
        identifier(self.raw)
    }
}

impl<'a> From<Token<'a>> for Name<'a> {
    fn from(token: Token<'a>) -> Self {
        Self { raw: token.text, start: token.start }
    }
}

/// An identifier as the server sees it: unquoted or in lower case, and cut to
/// [`IDENTIFIER_LEN_MAX`] bytes (at a character's start).
///
/// Escapes in `U&"…"` are left as they are.
#[must_use]
pub fn identifier(raw: &[u8]) -> Cow<'_, [u8]> {
    let whole = match raw {
        [b'u' | b'U', b'&', b'"', name @ .., b'"'] | [b'"', name @ .., b'"'] => {
            undouble(name, b'"')
        }
        // `CREATE DATABASE … TEMPLATE 'x'` takes a string for a name.
        [b'\'', name @ .., b'\''] => undouble(name, b'\''),
        word => lower(word),
    };
    cut(whole)
}

/// The name of a setting in lower case, without quotes; `raw` is one identifier, several joined by
/// dots, or a string constant. Names of settings know no upper case, and aren't cut.
#[must_use]
pub fn setting_name(raw: &[u8]) -> Cow<'_, [u8]> {
    if let Some(constant) = literal(raw) {
        return match constant {
            Cow::Borrowed(bytes) => lower(bytes),
            Cow::Owned(bytes) => Cow::Owned(bytes.to_ascii_lowercase()),
        };
    }
    if raw.iter().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'.')) {
        return Cow::Borrowed(raw);
    }
    let mut name = Vec::with_capacity(raw.len());
    let mut lexer = Lexer::new(raw);
    while let Some(token) = lexer.next_code() {
        name.extend_from_slice(&identifier(token.text));
    }
    name.make_ascii_lowercase();
    Cow::Owned(name)
}

/// The value of a string constant, or `None` when `raw` is no string constant or one whose value
/// takes more than undoubling quotes (escapes, continuation lines, bit strings).
#[must_use]
pub fn literal(raw: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut lexer = Lexer::new(raw);
    let token = lexer.next().filter(|token| token.text.len() == raw.len())?;
    match token.kind {
        Kind::String => simple_string(token.text),
        Kind::Dollar => {
            let tag_len = raw.iter().skip(1).position(|&byte| byte == b'$')? + 2;
            raw.get(tag_len..raw.len().checked_sub(tag_len)?).map(Cow::Borrowed)
        }
        Kind::Word
        | Kind::Quoted
        | Kind::Number
        | Kind::Parameter
        | Kind::Operator
        | Kind::Punct(_)
        | Kind::Comment
        | Kind::Other => None,
    }
}

fn simple_string(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    let content = match text {
        [b'\'', content @ .., b'\''] => content,
        [b'e' | b'E', b'\'', content @ .., b'\''] if !content.contains(&b'\\') => content,
        _ => return None,
    };
    let value = undouble(content, b'\'');
    // A quote that is not doubled ends a piece: this one is continued on another line.
    let doubled = content.len() - value.len();
    let quotes = content.iter().filter(|&&byte| byte == b'\'').count();
    (quotes == 2 * doubled).then_some(value)
}

fn undouble(content: &[u8], quote: u8) -> Cow<'_, [u8]> {
    if !content.contains(&quote) {
        return Cow::Borrowed(content);
    }
    let mut value = Vec::with_capacity(content.len());
    let mut bytes = content.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        value.push(byte);
        if byte == quote {
            bytes.next_if_eq(&quote);
        }
    }
    Cow::Owned(value)
}

fn lower(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.iter().any(u8::is_ascii_uppercase) {
        Cow::Owned(bytes.to_ascii_lowercase())
    } else {
        Cow::Borrowed(bytes)
    }
}

fn cut(name: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if name.len() <= IDENTIFIER_LEN_MAX {
        return name;
    }
    let continues = |at: usize| name[at] & 0xc0 == 0x80;
    let end = (0..=IDENTIFIER_LEN_MAX).rev().find(|&at| !continues(at)).unwrap_or(0);
    match name {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[..end]),
        Cow::Owned(mut bytes) => {
            bytes.truncate(end);
            Cow::Owned(bytes)
        }
    }
}
