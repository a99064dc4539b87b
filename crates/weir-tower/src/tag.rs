//! Tags as SQL comments, in the form of the sqlcommenter specification: keys sorted, keys and
//! values URL-encoded, values in single quotes, the comment at the end of the statement.

use std::fmt::Write as _;

/// The comment that carries `tags`, for example `/*route='GET%20%2Forders'*/`.
///
/// Empty when there is no tag. Encoding leaves nothing that could end the comment or the quote, so
/// any text is safe as a key or a value.
///
/// ```
/// assert_eq!(weir_tower::comment(&[("route", "GET /a*/b'")]), "/*route='GET%20%2Fa%2A%2Fb%27'*/");
/// ```
#[must_use]
pub fn comment(tags: &[(&str, &str)]) -> String {
    let mut sorted: Vec<_> = tags.to_vec();
    sorted.sort_unstable();
    let mut text = String::new();
    for (key, value) in sorted {
        let separator = if text.is_empty() { "/*" } else { "," };
        // Writing to a String cannot fail.
        let _ = write!(text, "{separator}{}='{}'", Encoded(key), Encoded(value));
    }
    if !text.is_empty() {
        text.push_str("*/");
    }
    text
}

/// `sql` with `comment` at its end, before a closing semicolon.
///
/// A statement whose last line may end in a `--` comment gets a line break first, for otherwise
/// the tag would be part of that comment.
#[must_use]
pub fn append(sql: &str, comment: &str) -> String {
    if comment.is_empty() {
        return sql.to_owned();
    }
    let body = sql.trim_end();
    let (body, semicolon) = match body.strip_suffix(';') {
        Some(rest) => (rest.trim_end(), ";"),
        None => (body, ""),
    };
    let last_line = body.rsplit('\n').next().unwrap_or_default();
    let gap = if last_line.contains("--") { "\n" } else { " " };
    format!("{body}{gap}{comment}{semicolon}")
}

struct Encoded<'a>(&'a str);

impl std::fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for &byte in self.0.as_bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                f.write_char(char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn appends_where_a_lexer_will_find_it() {
        for (sql, expected) in [
            ("SELECT 1", "SELECT 1 /*t*/"),
            ("SELECT 1;", "SELECT 1 /*t*/;"),
            ("SELECT 1 ; \n", "SELECT 1 /*t*/;"),
            ("SELECT 1 -- one", "SELECT 1 -- one\n/*t*/"),
            ("-- one\nSELECT 1", "-- one\nSELECT 1 /*t*/"),
        ] {
            assert_eq!(append(sql, "/*t*/"), expected, "{sql:?}");
        }
        assert_eq!(append("SELECT 1;", ""), "SELECT 1;");
    }

    #[test]
    fn sorts_keys() {
        assert_eq!(comment(&[("b", "2"), ("a", "1")]), "/*a='1',b='2'*/");
        assert_eq!(comment(&[]), "");
    }

    proptest! {
        #[test]
        fn nothing_escapes_the_comment(key in ".*", value in ".*") {
            let text = comment(&[(&key, &value)]);
            let inner = text.strip_prefix("/*").and_then(|t| t.strip_suffix("*/")).unwrap();
            prop_assert!(!inner.contains("*/") && !inner.contains("/*"));
            prop_assert_eq!(inner.matches('\'').count(), 2);
        }
    }
}
