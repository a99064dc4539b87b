//! A text without the comments around it.
//!
//! Frameworks write tags there that differ with every request (a trace id), so what is remembered
//! of a text is remembered of the part between. It has the text's fingerprint.

/// A text in three parts, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edges<'a> {
    /// Block comments before everything else, and white space; empty when there is no comment.
    pub lead: &'a [u8],
    /// What is between. It may hold comments, too.
    pub body: &'a [u8],
    /// Block comments behind everything else, and white space and semicolons; empty when there is
    /// no comment.
    pub tail: &'a [u8],
}

/// Takes the outer block comments off `text`, as far as they are plain: without others nested in
/// them. Looks at those comments only, not at what is between.
#[must_use]
pub fn edges(text: &[u8]) -> Edges<'_> {
    let start = lead_len(text);
    let end = text.len() - tail_len(&text[start..]);
    Edges { lead: &text[..start], body: &text[start..end], tail: &text[end..] }
}

/// False when no text of `text`'s template ([`super::template`]) has comments around it: what is
/// remembered of a template can tell that [`edges`] need not look.
#[must_use]
pub fn may_have_edges(text: &[u8]) -> bool {
    // A line comment at the end may end with anything.
    lead_len(text) > 0 || ends_with_comment(text) || find(text, b"--").is_some()
}

/// Also when what ends there is no plain comment.
fn ends_with_comment(text: &[u8]) -> bool {
    let rest = text.trim_ascii_end();
    rest.strip_suffix(b";").map_or(rest, <[u8]>::trim_ascii_end).ends_with(b"*/")
}

fn lead_len(text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let rest = text[at..].trim_ascii_start();
        let Some(inside) = rest.strip_prefix(b"/*") else { return at };
        let Some(len) = find(inside, b"*/").filter(|&len| find(&inside[..len], b"/*").is_none())
        else {
            return at;
        };
        at = text.len() - rest.len() + len + 4;
    }
}

fn tail_len(text: &[u8]) -> usize {
    let mut end = text.len();
    loop {
        let rest = text[..end].trim_ascii_end();
        let rest = rest.strip_suffix(b";").map_or(rest, <[u8]>::trim_ascii_end);
        let Some(inside) = rest.strip_suffix(b"*/") else { return text.len() - end };
        let Some(start) = inside.windows(2).rposition(|pair| pair == b"/*") else {
            return text.len() - end;
        };
        if find(&inside[start + 2..], b"*/").is_some() {
            return text.len() - end;
        }
        end = start;
    }
}

fn find(text: &[u8], pair: &[u8; 2]) -> Option<usize> {
    text.windows(2).position(|window| window == pair)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::fingerprint;

    fn check(text: &str, expected: [&str; 3]) {
        let Edges { lead, body, tail } = edges(text.as_bytes());
        let parts = [lead, body, tail].map(|part| std::str::from_utf8(part).unwrap_or("?"));
        assert_eq!(parts, expected, "{text}");
        assert_eq!(fingerprint(body), fingerprint(text.as_bytes()), "{text}");
    }

    #[test]
    fn outer_comments_are_taken_off() {
        check("SELECT 1", ["", "SELECT 1", ""]);
        check("SELECT 1;", ["", "SELECT 1;", ""]);
        check("SELECT 1 /*a='b'*/", ["", "SELECT 1 ", "/*a='b'*/"]);
        check("SELECT 1 /*a='b'*/ ;\n", ["", "SELECT 1 ", "/*a='b'*/ ;\n"]);
        check("/*a*/ /*b*/SELECT 1/*c*/ /*d*/", ["/*a*/ /*b*/", "SELECT 1", "/*c*/ /*d*/"]);
        check("SELECT '/*' /* x */", ["", "SELECT '/*' ", "/* x */"]);
        check("/**/", ["/**/", "", ""]);
        check("", ["", "", ""]);
    }

    #[test]
    fn what_is_not_plain_stays() {
        check("SELECT 1 /* a /* b */ */", ["", "SELECT 1 /* a /* b */ */", ""]);
        check("/* a /* b */ */ SELECT 1", ["", "/* a /* b */ */ SELECT 1", ""]);
        check("/*/ SELECT 1", ["", "/*/ SELECT 1", ""]);
        check("SELECT 1 -- */", ["", "SELECT 1 -- */", ""]);
        check("SELECT '/* x */'", ["", "SELECT '/* x */'", ""]);
    }
}
