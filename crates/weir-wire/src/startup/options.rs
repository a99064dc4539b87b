//! The `options` parameter: command-line switches of a backend.

use super::{Setting, StartupError};

/// Splits `options` as PostgreSQL does (`pg_split_opts`, then `-c name=value` and
/// `--name=value`): white space separates, a backslash makes the next byte literal, and a dash in
/// a name means an underscore.
///
/// # Errors
/// [`StartupError::Option`] for any other switch, a switch without `=`, and a stray word.
pub fn split_options(options: &[u8]) -> Result<Vec<Setting>, StartupError> {
    let mut words = Words { rest: options };
    let mut settings = Vec::new();
    while let Some(word) = words.next() {
        let text = match &word[..] {
            b"-c" => words.next().ok_or_else(|| unsupported(&word))?,
            [b'-', b'c' | b'-', text @ ..] => text.to_vec(),
            _ => return Err(unsupported(&word)),
        };
        settings.push(setting(&text).ok_or_else(|| unsupported(&word))?);
    }
    Ok(settings)
}

fn unsupported(word: &[u8]) -> StartupError {
    StartupError::Option(String::from_utf8_lossy(word).into_owned())
}

/// Splits `name=value`.
fn setting(text: &[u8]) -> Option<Setting> {
    let at = text.iter().position(|&b| b == b'=').filter(|&at| at > 0)?;
    let name = text[..at].iter().map(|&b| if b == b'-' { b'_' } else { b }).collect();
    Some(Setting { name, value: text[at + 1..].to_vec() })
}

/// The words of a command line, their backslashes resolved.
struct Words<'a> {
    rest: &'a [u8],
}

impl Iterator for Words<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.rest.iter().position(|&b| !is_space(b))?;
        self.rest = &self.rest[start..];
        let mut word = Vec::new();
        while let Some((&first, rest)) = self.rest.split_first() {
            if is_space(first) {
                break;
            }
            self.rest = rest;
            match (first, rest) {
                (b'\\', &[literal, ref after @ ..]) => {
                    word.push(literal);
                    self.rest = after;
                }
                // A backslash at the very end stands for nothing.
                (b'\\', []) => {}
                (other, _) => word.push(other),
            }
        }
        Some(word)
    }
}

/// C's `isspace`, which knows one character more than Rust's.
const fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(options: &str, expected: &[(&str, &str)]) {
        let settings = split_options(options.as_bytes()).unwrap();
        let settings: Vec<_> = settings
            .iter()
            .map(|s| (str::from_utf8(&s.name).unwrap(), str::from_utf8(&s.value).unwrap()))
            .collect();
        assert_eq!(settings, expected, "{options}");
    }

    #[test]
    fn settings_are_found_in_each_spelling() {
        check("", &[]);
        check("  ", &[]);
        check("-c a=1", &[("a", "1")]);
        check("-ca=1 --b-c=2", &[("a", "1"), ("b_c", "2")]);
        check("\t-c  a=b=c\x0b--d=", &[("a", "b=c"), ("d", "")]);
    }

    #[test]
    fn a_backslash_makes_the_next_byte_literal() {
        check(r"-c search_path=a,\ b", &[("search_path", "a, b")]);
        check(r"-c a=\\x\y\", &[("a", r"\xy")]);
    }

    #[test]
    fn anything_else_is_named_in_the_error() {
        for wrong in ["-c", "-c a", "-c =1", "--", "--=1", "-W 1", "word", "-", "-c a=1 -B9"] {
            let error = split_options(wrong.as_bytes()).unwrap_err();
            assert!(matches!(&error, StartupError::Option(word) if wrong.contains(word)));
        }
    }
}
