//! A lexer for PostgreSQL's SQL, over bytes, without allocation.
//!
//! It follows `src/backend/parser/scan.l`: the five kinds of string constant and their
//! continuation over a line end, dollar quotes, nested block comments, and the rule that trims
//! signs from the end of an operator. `standard_conforming_strings` is taken to be on, so a
//! backslash is special in `E''` alone. The text is taken to be in an encoding whose bytes below
//! 0x80 are always ASCII (UTF-8 and all server encodings; not SJIS, BIG5, GBK, GB18030, UHC or
//! JOHAB, which exist as client encodings only). What is unterminated runs to the end of the text,
//! where the server reports an error. Any bytes are accepted, in linear time.

use super::bytes::{folded, is_operator, is_space, is_word_part, is_word_start};
use super::keyword::{EXACT_LEN_MAX, Key};

/// What a [`Token`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A keyword or an unquoted identifier.
    Word,
    /// A quoted identifier: `"x"` or `U&"x"`.
    Quoted,
    /// A string constant: `'x'`, `E'x'`, `U&'x'`, `B'1'`, `X'f'`, `N'x'`, with its continuations.
    String,
    /// A dollar-quoted string constant: `$tag$x$tag$`.
    Dollar,
    /// A number without a sign.
    Number,
    /// A parameter: `$1`.
    Parameter,
    /// An operator, or one of `::`, `:=`, `..`.
    Operator,
    /// One of `( ) [ ] , ; . :`.
    Punct(u8),
    /// A comment, with its delimiters; a line comment without its line end.
    Comment,
    /// A byte that begins no token.
    Other,
}

/// A token and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its bytes, quotes and prefix included.
    pub text: &'a [u8],
    /// Where it begins, in bytes from the start of the text.
    pub start: usize,
    /// The word it is, if it is one.
    key: Key,
}

impl Token<'_> {
    /// Where it ends, in bytes from the start of the text.
    #[inline]
    #[must_use]
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it is the keyword `word`, in any case. `word` is lower case.
    #[inline]
    #[must_use]
    pub fn is(&self, word: &[u8]) -> bool {
        self.key == Key::of(word)
            && (word.len() <= EXACT_LEN_MAX || self.text.eq_ignore_ascii_case(word))
    }

    /// The word as a number, or [`Key::NONE`].
    #[inline]
    pub(super) fn key(&self) -> Key {
        self.key
    }
}

/// An iterator over the tokens of a text, comments included.
#[derive(Debug, Clone, Copy)]
pub struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    /// Up to here the text is known to be single signs, so that a run of signs is read once.
    signs_end: usize,
}

impl<'a> Lexer<'a> {
    /// Starts at the beginning of `text`.
    #[must_use]
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, signs_end: 0 }
    }

    /// The next token that is not a comment.
    #[inline]
    pub fn next_code(&mut self) -> Option<Token<'a>> {
        loop {
            let token = self.next()?;
            if token.kind != Kind::Comment {
                return Some(token);
            }
        }
    }

    #[inline]
    fn classify(&mut self, start: usize, first: u8) -> (Kind, usize) {
        let text = self.text;
        let next = text.get(start + 1).copied();
        match (first, next) {
            (b'\'', _) => (Kind::String, string_end(text, start + 1, Escape::Doubling)),
            (b'"', _) => (Kind::Quoted, quoted_end(text, start + 1)),
            (b'$', _) => dollar(text, start),
            (b'0'..=b'9', _) | (b'.', Some(b'0'..=b'9')) => (Kind::Number, number_end(text, start)),
            (b'-', Some(b'-')) => (Kind::Comment, line_end(text, start)),
            (b'/', Some(b'*')) => (Kind::Comment, block_end(text, start)),
            (b':', Some(b':' | b'=')) | (b'.', Some(b'.')) => (Kind::Operator, start + 2),
            (b'(' | b')' | b'[' | b']' | b',' | b';' | b'.' | b':', _) => {
                (Kind::Punct(first), start + 1)
            }
            _ if is_operator(first) => (Kind::Operator, self.operator_end(start)),
            _ => (Kind::Other, start + 1),
        }
    }

    /// The longest run of operator characters, cut where a comment begins; a run of several ends
    /// in a sign only if it holds one of ``~ ! @ # ^ & | ` ? %``.
    fn operator_end(&mut self, start: usize) -> usize {
        if start < self.signs_end {
            return start + 1;
        }
        let mut end = start;
        let mut last_other = None;
        let mut keeps_sign = false;
        while let Some(&byte) = self.text.get(end).filter(|&&byte| is_operator(byte)) {
            let rest = &self.text[end..];
            if rest.starts_with(b"--") || rest.starts_with(b"/*") {
                break;
            }
            if !matches!(byte, b'+' | b'-') {
                last_other = Some(end);
            }
            keeps_sign |= !matches!(byte, b'+' | b'-' | b'*' | b'/' | b'<' | b'>' | b'=');
            end += 1;
        }
        if keeps_sign {
            return end;
        }
        self.signs_end = end;
        last_other.unwrap_or(start) + 1
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Token<'a>;

    #[inline]
    fn next(&mut self) -> Option<Token<'a>> {
        let text = self.text;
        let start = skip(text, self.at, is_space);
        self.at = start;
        let &first = text.get(start)?;
        let mut key = Key::NONE;
        let (kind, end) = if is_word_start(first) {
            let (word_key, end) = word(text, start);
            match prefixed(text, start, end) {
                Some(literal) => literal,
                None => {
                    key = word_key;
                    (Kind::Word, end)
                }
            }
        } else {
            self.classify(start, first)
        };
        // An escape may point one byte past an unterminated string.
        self.at = end.min(text.len());
        Some(Token { kind, text: &text[start..self.at], start, key })
    }
}

/// Where the first byte from `at` on that fails `test` stands.
#[inline]
fn skip(text: &[u8], at: usize, test: impl Fn(u8) -> bool) -> usize {
    let mut end = at;
    while text.get(end).is_some_and(|&byte| test(byte)) {
        end += 1;
    }
    end
}

/// The key and the end of the word at `start`.
#[inline]
fn word(text: &[u8], start: usize) -> (Key, usize) {
    let mut end = start;
    let mut key = 0;
    while let Some(&byte) = text.get(end) {
        let folded = folded(byte);
        if folded == 0 {
            break;
        }
        key = Key::push(key, folded);
        end += 1;
    }
    (Key::finish(key, end - start), end)
}

/// The string or quoted identifier of which the word from `start` to `end` is the prefix.
#[inline]
fn prefixed(text: &[u8], start: usize, end: usize) -> Option<(Kind, usize)> {
    if end - start != 1 || !matches!(text.get(end), Some(b'\'' | b'&')) {
        return None;
    }
    match (text[start] | 0x20, text.get(end..)?) {
        (b'e', [b'\'', ..]) => Some((Kind::String, string_end(text, end + 1, Escape::Backslash))),
        (b'b' | b'x' | b'n', [b'\'', ..]) => {
            Some((Kind::String, string_end(text, end + 1, Escape::Doubling)))
        }
        (b'u', [b'&', b'\'', ..]) => {
            Some((Kind::String, string_end(text, end + 2, Escape::Doubling)))
        }
        (b'u', [b'&', b'"', ..]) => Some((Kind::Quoted, quoted_end(text, end + 2))),
        _ => None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escape {
    Doubling,
    Backslash,
}

/// The end of a string whose first content byte is at `at`, with the pieces that continue it.
fn string_end(text: &[u8], mut at: usize, escape: Escape) -> usize {
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' if escape == Escape::Backslash => at += 2,
            b'\'' if text.get(at + 1) == Some(&b'\'') => at += 2,
            b'\'' => match continuation(text, at + 1) {
                Some(next) => at = next,
                None => return at + 1,
            },
            _ => at += 1,
        }
    }
    text.len()
}

/// Strings with only white space and line comments between them, and a line end among those, are
/// one constant. Gives the first content byte of the next piece.
fn continuation(text: &[u8], mut at: usize) -> Option<usize> {
    let mut line_ended = false;
    loop {
        match *text.get(at)? {
            b'\'' if line_ended => return Some(at + 1),
            b'-' if text.get(at + 1) == Some(&b'-') => at = line_end(text, at),
            byte if is_space(byte) => {
                line_ended |= matches!(byte, b'\n' | b'\r');
                at += 1;
            }
            _ => return None,
        }
    }
}

fn quoted_end(text: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' if text.get(at + 1) == Some(&b'"') => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

fn line_end(text: &[u8], at: usize) -> usize {
    skip(text, at, |byte| !matches!(byte, b'\n' | b'\r'))
}

fn block_end(text: &[u8], start: usize) -> usize {
    let mut at = start + 2;
    let mut depth = 1_usize;
    while let Some(&byte) = text.get(at) {
        match (byte, text.get(at + 1)) {
            (b'/', Some(b'*')) => (depth, at) = (depth + 1, at + 2),
            (b'*', Some(b'/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// A parameter, a dollar-quoted string, or a lone dollar sign.
fn dollar(text: &[u8], start: usize) -> (Kind, usize) {
    if text.get(start + 1).is_some_and(u8::is_ascii_digit) {
        return (Kind::Parameter, skip(text, start + 1, |byte| byte.is_ascii_digit()));
    }
    let tag_end = skip(text, start + 1, |byte| is_word_part(byte) && byte != b'$');
    if text.get(tag_end) != Some(&b'$') {
        return (Kind::Other, start + 1);
    }
    let delimiter = &text[start..=tag_end];
    let mut at = tag_end + 1;
    // Linear: a comparison never reads past the next dollar sign of the body.
    while at < text.len() {
        if text[at] == b'$' && text[at..].starts_with(delimiter) {
            return (Kind::Dollar, at + delimiter.len());
        }
        at += 1;
    }
    (Kind::Dollar, text.len())
}

fn number_end(text: &[u8], start: usize) -> usize {
    let digit = |byte: u8| byte.is_ascii_digit() || byte == b'_';
    let radix = text.get(start + 1).map(|byte| byte | 0x20);
    if text[start] == b'0' && matches!(radix, Some(b'x' | b'o' | b'b')) {
        return skip(text, start + 2, |byte| byte.is_ascii_hexdigit() || byte == b'_');
    }
    let mut end = skip(text, start, digit);
    if text.get(end) == Some(&b'.') && text.get(end + 1) != Some(&b'.') {
        end = skip(text, end + 1, digit);
    }
    if text.get(end).is_some_and(|byte| byte | 0x20 == b'e') {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let exponent = end + 1 + sign;
        if text.get(exponent).is_some_and(u8::is_ascii_digit) {
            end = skip(text, exponent, digit);
        }
    }
    end
}
