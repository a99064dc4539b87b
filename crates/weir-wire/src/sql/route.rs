//! Route names without ids, so that there are few of them.

use std::borrow::Cow;

/// The longest route name, in bytes.
pub const ROUTE_LEN_MAX: usize = 200;

/// Hexadecimal words from this length on are ids, if they hold a digit.
const HEX_LEN_MIN: usize = 8;

/// Words of letters and digits mixed are ids from this length on.
const TOKEN_LEN_MIN: usize = 16;

/// Bytes of a UUID with its dashes.
const UUID_LEN: usize = 36;

/// `route` with each id in it as `{}`: numbers, UUIDs, hexadecimal words and long tokens. A query
/// string is dropped, and what is longer than [`ROUTE_LEN_MAX`] bytes is cut. Parts of the path
/// that are patterns (`<int:id>`, `{id}`, `(?P<id>[0-9]+)`, `*`) stay as they are.
#[must_use]
pub fn templated(route: &str) -> Cow<'_, str> {
    let path = without_query(route);
    let path = &path[..path.floor_char_boundary(ROUTE_LEN_MAX)];
    if !path.bytes().any(|byte| byte.is_ascii_digit()) {
        return Cow::Borrowed(path);
    }
    let mut out = String::with_capacity(path.len());
    for (index, segment) in path.split('/').enumerate() {
        if index > 0 {
            out.push('/');
        }
        if segment.contains(['<', '(', '[', '{', '\\', '*']) {
            out.push_str(segment);
        } else {
            push_segment(segment, &mut out);
        }
    }
    out.truncate(out.floor_char_boundary(ROUTE_LEN_MAX));
    Cow::Owned(out)
}

/// A question mark begins a query string if an equals sign follows; else it is part of a pattern.
fn without_query(route: &str) -> &str {
    match route.split_once('?') {
        Some((path, query)) if query.contains('=') && !path.ends_with('(') => path,
        _ => route,
    }
}

/// Writes the words of a segment, and what stands between them.
fn push_segment(segment: &str, out: &mut String) {
    let mut rest = segment;
    while !rest.is_empty() {
        let word_len = id_or_word_len(rest);
        let (word, after) = rest.split_at(word_len);
        out.push_str(if is_id(word) { "{}" } else { word });
        let gap_len = after.find(|c: char| c.is_alphanumeric()).unwrap_or(after.len());
        let (gap, next) = after.split_at(gap_len);
        out.push_str(gap);
        rest = next;
    }
}

fn id_or_word_len(text: &str) -> usize {
    let word_len = |text: &str| text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
    match text.get(..UUID_LEN) {
        Some(start) if is_uuid(start) && word_len(&text[UUID_LEN..]) == 0 => UUID_LEN,
        _ => word_len(text),
    }
}

fn is_id(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let is_hex = word.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits > 0
        && (digits == word.len()
            || is_hex && word.len() >= HEX_LEN_MIN
            || word.len() >= TOKEN_LEN_MIN)
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(index, byte)| match index {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}
