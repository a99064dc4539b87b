//! Tags in SQL comments: who sent a statement, as frameworks write it.
//!
//! Three dialects are read, also mixed: sqlcommenter (`key='url%2Dencoded'`, percent signs doubled
//! by some drivers), plain (`key=value`), and marginalia (`key:value`), each comma separated. Read
//! are the block comments at the edges of statements: before the first token of one and after its
//! last. Comments inside a statement are the author's own, or hints to the planner.

use std::borrow::Cow;

use super::lex::{Kind, Lexer, Token};

/// The longest key, in bytes. What claims to have a longer one is not a tag.
pub const KEY_LEN_MAX: usize = 64;

/// The tags of `text`, in order. Linear in its length; at once at the end when there is no `/*`.
#[must_use]
pub fn tags(text: &[u8]) -> Tags<'_> {
    let has_comment = text.windows(2).any(|pair| pair == b"/*");
    let text = if has_comment { text } else { &[] };
    Tags { lexer: Lexer::new(text), place: Place::Edge, comment: &[] }
}

/// An iterator over tags as key and decoded value; see [`tags`].
#[derive(Debug, Clone)]
pub struct Tags<'a> {
    lexer: Lexer<'a>,
    place: Place,
    /// What is left of the current comment.
    comment: &'a [u8],
}

/// Where the run of comments that is being read stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the edge of a statement.
    Edge,
    /// After a token of a statement; what comes next is not known.
    Unknown,
    /// Between two tokens of one statement.
    Inside,
}

impl<'a> Iterator for Tags<'a> {
    type Item = (&'a str, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        self.next_raw().map(|(key, raw)| (key, decoded(raw)))
    }
}

impl<'a> Tags<'a> {
    /// The next tag, its value as it is written; see [`decoded`].
    pub(super) fn next_raw(&mut self) -> Option<(&'a str, &'a [u8])> {
        loop {
            while !self.comment.is_empty() {
                if let Some(tag) = self.take_tag() {
                    return Some(tag);
                }
            }
            self.comment = self.next_comment()?;
        }
    }

    /// The content of the next block comment at an edge.
    fn next_comment(&mut self) -> Option<&'a [u8]> {
        loop {
            let token = self.lexer.next()?;
            match token.kind {
                Kind::Comment => {
                    if self.is_at_edge()
                        && let Some(content) = block_content(token)
                    {
                        return Some(content);
                    }
                }
                Kind::Punct(b';') => self.place = Place::Edge,
                Kind::Word
                | Kind::Quoted
                | Kind::String
                | Kind::Dollar
                | Kind::Number
                | Kind::Parameter
                | Kind::Operator
                | Kind::Punct(_)
                | Kind::Other => self.place = Place::Unknown,
            }
        }
    }

    /// Looks ahead once for each run of comments, so that many comments take linear time.
    fn is_at_edge(&mut self) -> bool {
        if self.place == Place::Unknown {
            let mut ahead = self.lexer;
            let ends = ahead.next_code().is_none_or(|token| token.kind == Kind::Punct(b';'));
            self.place = if ends { Place::Edge } else { Place::Inside };
        }
        self.place == Place::Edge
    }

    /// Takes the next item of the comment, and gives it if it is a tag.
    fn take_tag(&mut self) -> Option<(&'a str, &'a [u8])> {
        let content = self.comment.trim_ascii_start();
        let key_len = content.iter().position(|&byte| !is_key_byte(byte)).unwrap_or(content.len());
        let (key, after) = content.split_at(key_len);
        let after = after.trim_ascii_start();
        let &separator = after.first().unwrap_or(&b',');
        let is_tag = matches!(separator, b'=' | b':') && (1..=KEY_LEN_MAX).contains(&key_len);
        if !is_tag {
            self.comment = after_comma(content);
            return None;
        }
        let (raw, rest) = split_value(after[1..].trim_ascii_start());
        self.comment = rest;
        Some((std::str::from_utf8(key).ok()?, raw))
    }
}

fn block_content(token: Token<'_>) -> Option<&[u8]> {
    let content = token.text.strip_prefix(b"/*")?;
    Some(content.strip_suffix(b"*/").unwrap_or(content))
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

fn after_comma(content: &[u8]) -> &[u8] {
    content.iter().position(|&byte| byte == b',').map_or(&[], |comma| &content[comma + 1..])
}

/// Splits a value from what comes after its comma.
fn split_value(content: &[u8]) -> (&[u8], &[u8]) {
    if let Some(quoted) = content.strip_prefix(b"'")
        && let Some(end) = quote_end(quoted)
    {
        return (&quoted[..end], after_comma(&quoted[end + 1..]));
    }
    let end = plain_end(content);
    let rest = content.get(end + 1..).unwrap_or_default();
    (content[..end].trim_ascii(), rest)
}

/// Where the quote that ends a value stands; one after a backslash is part of it.
fn quote_end(quoted: &[u8]) -> Option<usize> {
    let mut escaped = false;
    quoted.iter().position(|&byte| {
        let ends = byte == b'\'' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

/// A plain value ends at a comma, or at white space with another `key=` after it.
fn plain_end(content: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&byte) = content.get(at) {
        if byte == b',' {
            return at;
        }
        if !byte.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let word_len = content[at + 1..].iter().take_while(|&&byte| is_key_byte(byte)).count();
        if word_len > 0 && content.get(at + 1 + word_len) == Some(&b'=') {
            return at;
        }
        at += 1 + word_len;
    }
    at
}

/// Undoes percent encoding, doubled percent signs and backslashes before quotes.
pub(super) fn decoded(raw: &[u8]) -> Cow<'_, str> {
    if !raw.iter().any(|byte| matches!(byte, b'%' | b'\\')) {
        return String::from_utf8_lossy(raw);
    }
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let [first, tail @ ..] = rest {
        let (byte, after) = match rest {
            [b'%', b'%', high, low, after @ ..] | [b'%', high, low, after @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                (hex(*high) << 4 | hex(*low), after)
            }
            [b'\\', quote @ (b'\'' | b'\\'), after @ ..] => (*quote, after),
            _ => (*first, tail),
        };
        bytes.push(byte);
        rest = after;
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// The value of a hexadecimal digit.
fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        letter => (letter | 0x20) - b'a' + 10,
    }
}
