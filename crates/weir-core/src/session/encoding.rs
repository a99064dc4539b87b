//! Settings under which the SQL scan would misread a client's texts.
//!
//! The scan goes byte by byte and takes a backslash in a plain string for itself. In the client
//! encodings that PostgreSQL does not allow on the server, a character's second byte may be an
//! ASCII quote or backslash; with `standard_conforming_strings` off a backslash escapes a quote.
//! A client with such settings is pinned, so that whatever the scan missed stays with it.

use crate::session::overrides::{Override, Value};

/// PostgreSQL's client-only encodings and their aliases (`pg_encname_tbl` in `encnames.c`), as
/// PostgreSQL compares them: letters and digits only, in lower case.
const UNSAFE_ENCODINGS: [&[u8]; 17] = [
    b"big5",
    b"gb18030",
    b"gbk",
    b"johab",
    b"mskanji",
    b"shiftjis",
    b"shiftjis2004",
    b"sjis",
    b"uhc",
    b"win932",
    b"win936",
    b"win949",
    b"win950",
    b"windows932",
    b"windows936",
    b"windows949",
    b"windows950",
];

/// Whether texts may be misread under these settings.
pub(super) fn is_unreadable(overrides: &[Override]) -> bool {
    overrides.iter().any(|item| match &*item.name {
        b"client_encoding" => UNSAFE_ENCODINGS.contains(&folded(&item.value).as_slice()),
        b"standard_conforming_strings" => is_false(&folded(&item.value)),
        _ => false,
    })
}

/// Letters and digits, in lower case: quotes and punctuation do not count in names of encodings.
fn folded(value: &Value) -> Vec<u8> {
    let (Value::Raw(text) | Value::Literal(text)) = value;
    text.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect()
}

/// PostgreSQL takes any unambiguous beginning of a boolean's name (`parse_bool_with_len`).
fn is_false(value: &[u8]) -> bool {
    let begins = |word: &[u8], least: usize| value.len() >= least && word.starts_with(value);
    begins(b"false", 1) || begins(b"no", 1) || begins(b"off", 2) || value == b"0"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_hide_a_quote_is_unreadable() {
        let check = |name: &str, value: &str, expected| {
            let value = Value::Raw(value.as_bytes().into());
            let item = Override { name: name.as_bytes().into(), value };
            assert_eq!(is_unreadable(std::slice::from_ref(&item)), expected, "{item:?}");
        };
        check("client_encoding", "'UTF8'", false);
        check("client_encoding", "latin1", false);
        check("client_encoding", "EUC_JP", false);
        check("client_encoding", "'Shift_JIS_2004'", true);
        check("client_encoding", "\"GB18030\"", true);
        check("standard_conforming_strings", "off", true);
        check("standard_conforming_strings", "'No'", true);
        check("standard_conforming_strings", "0", true);
        check("standard_conforming_strings", "on", false);
        check("backslash_quote", "off", false);
    }
}
