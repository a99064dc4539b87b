//! What texts have in common that differ in constants and comments alone, as a hash, in one pass.
//!
//! A statement that a program builds comes with other constants each time, so what is known of a
//! text is remembered by its template. The template is the text with each plain number written as
//! `0`, each plain string as `''`, and each comment as an empty one: the same tokens of the same
//! kinds, so the same [`super::Facts`] and the same [`super::Fingerprint`] (a property test holds
//! both against the scan). Case and layout are kept: they cost time, and programs do not vary them.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::bytes::{is_word_part, is_word_start};

/// The hash of the template of `text`, keyed with `seed`: equal for texts that differ in plain
/// numbers, plain strings and what comments say.
///
/// Linear in its length, without allocation. A text that holds what only the lexer can tell apart
/// (dollar quotes, strings with a prefix, what is not terminated) is its own template.
#[must_use]
pub fn template(text: &[u8], seed: u64) -> u64 {
    let mut hash = seed;
    let is_clear = pieces(text, |piece| {
        hash = match piece {
            Piece::Text(bytes) => xxh3_64_with_seed(bytes, hash),
            Piece::Number | Piece::String | Piece::LineComment | Piece::BlockComment => {
                mix(hash, piece)
            }
        }
    });
    if is_clear { hash } else { xxh3_64_with_seed(text, seed) }
}

fn mix(hash: u64, piece: Piece<'_>) -> u64 {
    // 2^64 divided by the golden ratio (Knuth, "Sorting and Searching", 6.4).
    const FIBONACCI: u64 = 0x9e37_79b9_7f4a_7c15;
    (hash ^ u64::from(piece.form()[0])).wrapping_mul(FIBONACCI)
}

/// A part of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Text that stays as it is.
    Text(&'a [u8]),
    Number,
    String,
    LineComment,
    BlockComment,
}

impl<'a> Piece<'a> {
    /// How it is written in the template. The first byte tells the kinds apart.
    fn form(self) -> &'a [u8] {
        match self {
            Self::Text(bytes) => bytes,
            Self::Number => b"0",
            Self::String => b"''",
            Self::LineComment => b"--",
            Self::BlockComment => b"/**/",
        }
    }
}

/// Cuts `text` into the pieces of its template. False when it has none; what was put is void then.
#[inline]
pub(super) fn pieces<'a>(text: &'a [u8], put: impl FnMut(Piece<'a>)) -> bool {
    let mut cut = Cut { text, done: 0, put };
    let mut at = 0;
    loop {
        let Some(sign) = next_sign(text, at) else {
            cut.put_text(text.len());
            return true;
        };
        match cut.sign(sign) {
            Some(next) => at = next,
            None => return false,
        }
    }
}

/// Where the first byte from `at` on stands that may begin a constant, a quoted name or a comment.
#[inline]
fn next_sign(text: &[u8], mut at: usize) -> Option<usize> {
    let (words, rest) = text.get(at..)?.as_chunks::<8>();
    for word in words {
        let mut found = near_signs(u64::from_le_bytes(*word));
        while found != 0 {
            let here = found.trailing_zeros() as usize / 8;
            if is_sign(word[here]) {
                return Some(at + here);
            }
            found &= found - 1;
        }
        at += 8;
    }
    for &byte in rest {
        if is_sign(byte) {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// One of `" $ ' - /` and the digits; a bit for each of them behind the first.
#[inline]
fn is_sign(byte: u8) -> bool {
    const SIGNS: u32 = {
        let (mut signs, mut at) = (0, 0);
        let all = b"\"$'-/0123456789";
        while at < all.len() {
            signs |= 1 << (all[at] - b'"');
            at += 1;
        }
        signs
    };
    let behind = byte.wrapping_sub(b'"');
    behind < 32 && SIGNS >> behind & 1 != 0
}

/// The highest bit of each byte from `"` to `9`: all signs are there, and few other bytes of SQL.
/// No byte carries into another: each is looked at without its highest bit.
#[inline]
fn near_signs(word: u64) -> u64 {
    const EACH: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = 0x80 * EACH;
    let low = word & !HIGH;
    let from_quote = low + (0x80 - b'"' as u64) * EACH;
    let to_nine = (0x80 + b'9' as u64) * EACH - low;
    from_quote & to_nine & !word & HIGH
}

struct Cut<'a, P> {
    text: &'a [u8],
    /// Up to here the text has been put.
    done: usize,
    put: P,
}

impl<'a, P: FnMut(Piece<'a>)> Cut<'a, P> {
    /// Passes over what begins at `at`, and gives where it ends. `None`: only the lexer can tell.
    #[inline]
    fn sign(&mut self, at: usize) -> Option<usize> {
        let next = self.text.get(at + 1).copied();
        match (self.text[at], next) {
            (b'0'..=b'9', _) => Some(self.number(at)),
            (b'\'', _) => {
                // After a word or `&` it may be one with a prefix: E'', B'', X'', N'', U&''.
                let is_plain = !self.follows(at, |byte| is_word_part(byte) || byte == b'&');
                let end = quoted_end(self.text, at).filter(|_| is_plain)?;
                Some(self.put_piece(at, Piece::String, end))
            }
            (b'"', _) => quoted_end(self.text, at),
            (b'$', Some(b'0'..=b'9')) => Some(at + 1),
            (b'$', _) => None,
            (b'-', Some(b'-')) => {
                let end = line_end(self.text, at);
                Some(self.put_piece(at, Piece::LineComment, end))
            }
            (b'/', Some(b'*')) => {
                let end = comment_end(self.text, at)?;
                Some(self.put_piece(at, Piece::BlockComment, end))
            }
            _ => Some(at + 1),
        }
    }

    /// Digits are a plain number when no part of a word touches them.
    #[inline]
    fn number(&mut self, at: usize) -> usize {
        let rest = &self.text[at..];
        let len = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        let touched =
            rest.get(len).is_some_and(|&byte| is_word_part(byte)) || self.follows(at, is_word_part);
        if touched {
            // A dollar sign is left to be looked at by itself.
            let ends = |byte: &u8| !(is_word_start(*byte) || byte.is_ascii_digit());
            return at + rest.iter().position(ends).unwrap_or(rest.len());
        }
        self.put_piece(at, Piece::Number, at + len)
    }

    fn follows(&self, at: usize, test: impl Fn(u8) -> bool) -> bool {
        at.checked_sub(1).is_some_and(|before| test(self.text[before]))
    }

    /// Puts `piece` for the text from `start` to `end`, and what goes before it.
    #[inline]
    fn put_piece(&mut self, start: usize, piece: Piece<'a>, end: usize) -> usize {
        self.put_text(start);
        (self.put)(piece);
        self.done = end;
        end
    }

    #[inline]
    fn put_text(&mut self, end: usize) {
        if end > self.done {
            (self.put)(Piece::Text(&self.text[self.done..end]));
        }
    }
}

/// The end of what the quote at `at` begins. A quote inside is doubled, so it looks like the end
/// and the beginning of another piece.
pub(super) fn quoted_end(text: &[u8], at: usize) -> Option<usize> {
    let quote = *text.get(at)?;
    let mut end = at + 1;
    loop {
        end += text.get(end..)?.iter().position(|&byte| byte == quote)? + 1;
        if text.get(end) != Some(&quote) {
            return Some(end);
        }
        end += 1;
    }
}

pub(super) fn line_end(text: &[u8], at: usize) -> usize {
    let rest = &text[at..];
    at + rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len())
}

/// The end of the comment at `at`; `None` for one that is not ended, or holds another one.
pub(super) fn comment_end(text: &[u8], at: usize) -> Option<usize> {
    let mut end = at + 2;
    loop {
        match *text.get(end..)?.first_chunk::<2>()? {
            [b'*', b'/'] => return Some(end + 2),
            [b'/', b'*'] => return None,
            _ => end += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Edges, edges, facts, fingerprint, may_have_edges};
    use super::*;
    use proptest::prelude::*;

    /// The template as text, if there is one.
    fn form(text: &[u8]) -> Option<Vec<u8>> {
        let mut form = Vec::new();
        pieces(text, |piece| form.extend_from_slice(piece.form())).then_some(form)
    }

    fn check(text: &str, expected: &str) {
        let form = form(text.as_bytes()).map(|form| String::from_utf8(form).unwrap());
        assert_eq!(form.as_deref(), Some(expected), "{text}");
    }

    #[test]
    fn plain_constants_and_comments_are_folded() {
        check("", "");
        check("select a from t where id = 12345;", "select a from t where id = 0;");
        check("where a='it''s' and b = 'x'", "where a='' and b = ''");
        check("select -1.25, .5, 1..2", "select -0.0, .0, 0..0");
        check("select 1 -- it's me\n, 2", "select 0 --\n, 0");
        check("/* a 'b' */ select\t1", "/**/ select\t0");
    }

    #[test]
    fn what_is_part_of_a_name_stays() {
        check("select t1.c2 from t1", "select t1.c2 from t1");
        check(r#"select "a 'b' 12", $12"#, r#"select "a 'b' 12", $12"#);
        check("select 0x1F, 1_000, 1e5, 1e-5", "select 0x1F, 1_000, 1e5, 1e-0");
        check("select a/b - c", "select a/b - c");
    }

    #[test]
    fn what_only_the_lexer_can_tell_is_left_alone() {
        for text in [
            "select E'a'",
            "select U&'a'",
            "select $$a$$",
            "select a$b",
            "select 'a",
            "\"a",
            "/* a",
            "/* /* a */ */",
            "select 5$$a$$",
        ] {
            assert_eq!(form(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn texts_of_one_template_have_one_hash() {
        let hash = |text: &str| template(text.as_bytes(), 7);
        assert_eq!(hash("select 1, 'a'"), hash("select 22, 'it''s'"));
        assert_eq!(hash("select 1 /* a=1 */"), hash("select 2 /* b */"));
        assert_ne!(hash("select 1"), hash("select '1'"));
        assert_ne!(hash("select 1"), hash("select 1, 2"));
        assert_ne!(hash("select 1"), hash("SELECT 1"));
        assert_ne!(hash("select $$1$$"), hash("select $$2$$"));
        assert_ne!(hash("select 1"), template(b"select 1", 8));
    }

    #[test]
    fn signs_are_found_among_any_bytes() {
        for byte in 0..=u8::MAX {
            for at in 0..8 {
                let mut word = [b'a'; 8];
                word[at] = byte;
                let expected = if (b'"'..=b'9').contains(&byte) { 0x80 << (8 * at) } else { 0 };
                assert_eq!(near_signs(u64::from_le_bytes(word)), expected, "{byte} at {at}");
            }
        }
    }

    const FRAGMENTS: &str = "SELECT SET LOCAL SESSION x = TO DEFAULT BEGIN CREATE FUNCTION TEMP \
        TABLE EXECUTE PREPARE AS IN VALUES ARRAY INTO UPDATE pg_settings set_config( \
        pg_advisory_lock( COPY FROM STDIN SAVEPOINT NULL 'a' '' 'b\\' E' \\ U&\" U&' u & \" \"q\" \
        $$ $a$ $1 $ 1 7 -1 1.5e 0x 0b1 5b1 1_0 e _ ( ) [ ] , ; . :: : .. + - * / @ -- /* */ é b x";

    fn text() -> impl Strategy<Value = String> {
        let mut fragments: Vec<&str> = FRAGMENTS.split_whitespace().collect();
        fragments.extend([" ", " ", "\n", "\r"]);
        let fragment = prop::sample::select(fragments);
        prop::collection::vec(fragment, 0..24).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8000))]

        #[test]
        fn a_template_means_what_its_text_means(text in text()) {
            let text = text.as_bytes();
            if let Some(form) = form(text) {
                prop_assert_eq!(facts(&form), facts(text));
                prop_assert_eq!(fingerprint(&form), fingerprint(text));
                prop_assert_eq!(template(&form, 7), template(text, 7));
            }
        }

        #[test]
        fn a_template_tells_which_texts_have_no_comments_around_them(text in text()) {
            let text = text.as_bytes();
            let form = form(text).unwrap_or_else(|| text.to_vec());
            if !may_have_edges(text) {
                prop_assert!(!may_have_edges(&form), "of one text of a template for all of them");
            }
            if !may_have_edges(&form) {
                prop_assert_eq!(edges(text), Edges { lead: b"", body: text, tail: b"" });
            }
        }
    }
}
