//! A text to hold others against: whether they differ in plain constants and comments alone.
//!
//! A client sends the same statement again and again, with other constants. To compare it with the
//! last one costs a quarter of what its template's hash does.

use super::template::{Piece, comment_end, line_end, pieces, quoted_end};

/// The longest text that is kept, and the most that may differ in it.
const TEXT_BYTES_MAX: usize = 1024;
const GAPS_MAX: usize = 32;

/// A text, cut at its plain constants and comments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    parts: Box<[Part]>,
}

/// What stays the same, and what comes behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    text: Box<[u8]>,
    then: Then,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Number,
    String,
    LineComment,
    BlockComment,
    End,
}

impl Sample {
    /// A sample of `text`. `None` when it is too long, holds a zero byte or too much that may
    /// differ, or is its own template (see [`super::template`]).
    #[must_use]
    pub fn new(text: &[u8]) -> Option<Self> {
        if text.len() > TEXT_BYTES_MAX || text.contains(&0) {
            return None;
        }
        let (mut parts, mut fixed) = (Vec::new(), &b""[..]);
        let mut cut = |fixed: &mut &[u8], then| {
            parts.push(Part { text: std::mem::take(fixed).into(), then });
        };
        let is_clear = pieces(text, |piece| match piece {
            Piece::Text(bytes) => fixed = bytes,
            Piece::Number => cut(&mut fixed, Then::Number),
            Piece::String => cut(&mut fixed, Then::String),
            Piece::LineComment => cut(&mut fixed, Then::LineComment),
            Piece::BlockComment => cut(&mut fixed, Then::BlockComment),
        });
        cut(&mut fixed, Then::End);
        (is_clear && parts.len() <= GAPS_MAX + 1).then(|| Self { parts: parts.into() })
    }

    /// Whether `text` has this one's template, and no zero byte.
    #[inline]
    #[must_use]
    pub fn fits(&self, text: &[u8]) -> bool {
        let mut rest = text;
        for Part { text, then } in &self.parts {
            let Some(after) = rest.strip_prefix(&**text) else { return false };
            // That a constant ends here shows in what follows: it is that of the sample.
            rest = match then {
                Then::Number => {
                    let digits = after.iter().position(|byte| !byte.is_ascii_digit());
                    match digits.unwrap_or(after.len()) {
                        0 => return false,
                        len => &after[len..],
                    }
                }
                Then::String | Then::LineComment | Then::BlockComment => {
                    match then.end(after).filter(|&end| !after[..end].contains(&0)) {
                        Some(end) => &after[end..],
                        None => return false,
                    }
                }
                Then::End => return after.is_empty(),
            };
        }
        false
    }
}

impl Then {
    /// The end of the string or comment that `text` begins with.
    fn end(self, text: &[u8]) -> Option<usize> {
        match self {
            Self::String => quoted_end(text, 0).filter(|_| text.starts_with(b"'")),
            Self::LineComment => text.starts_with(b"--").then(|| line_end(text, 0)),
            Self::BlockComment => comment_end(text, 0).filter(|_| text.starts_with(b"/*")),
            Self::Number | Self::End => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::template;
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, other: &str, expected: bool) {
        let sample = Sample::new(text.as_bytes()).unwrap();
        assert_eq!(sample.fits(other.as_bytes()), expected, "{text} and {other}");
        let same = template(text.as_bytes(), 7) == template(other.as_bytes(), 7);
        assert!(same || !expected, "{text} and {other} have two templates");
    }

    #[test]
    fn other_constants_fit() {
        check("select 1", "select 234", true);
        check(
            "select a from t where b = 'x' and c = 1;",
            "select a from t where b = '' and c = 9;",
            true,
        );
        check("select 'it''s', 1.5", "select '''', 10.25", true);
        check("", "", true);
        check("select 1 /* a=1 */", "select 2 /**/", true);
        check("select 1 -- a\n, 2", "select 1 -- b, 2\n, 3", true);
    }

    #[test]
    fn anything_else_does_not() {
        check("select 1", "select ", false);
        check("select 1", "select 1a", false);
        check("select 1", "select 1 ", false);
        check("select 1", "select '1'", false);
        check("select '1'", "select 1", false);
        check("select 'a'", "select 'a", false);
        check("select 'a'", "select 'a''", false);
        check("select 'a'", "select 'a'''''x'", false);
        check("select a1", "select a2", false);
        check("select $1", "select $2", false);
        check("select 'a'", "select 'a\0'", false);
        check("select 1 /* a */", "select 1", false);
        check("select 1 /* a */", "select 1 /* a */ /* b */", false);
        check("select 1 /* a */", "select 1 /* /* a */ */", false);
        check("select 1 /* a */", "select 1 /* a", false);
        check("select 1 -- a", "select 1 -- a\n", false);
    }

    #[test]
    fn what_is_no_plain_text_is_no_sample() {
        let long = "x".repeat(TEXT_BYTES_MAX + 1);
        let many = "1,".repeat(GAPS_MAX + 1);
        for text in ["select $$a$$", "select E'a'", "a\0", &long, &many] {
            assert_eq!(Sample::new(text.as_bytes()), None, "{text}");
        }
    }

    /// Texts of few bytes, so that two of them are often alike.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let part = prop::sample::select(vec![
            "a", "1", "23", "'", "''", "'x'", " ", "-", "$", "\"", "/", "*", "E",
        ]);
        prop::collection::vec(part, 0..7).prop_map(|parts| parts.concat().into_bytes())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn what_fits_is_what_has_the_template(text in text(), other in text()) {
            if let Some(sample) = Sample::new(&text) {
                prop_assert!(sample.fits(&text));
                let same = template(&text, 7) == template(&other, 7);
                prop_assert_eq!(sample.fits(&other), same);
            }
        }
    }
}
