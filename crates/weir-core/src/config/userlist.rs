//! Reads a user list in PgBouncer's form (PgBouncer, "Authentication file format").

use std::collections::BTreeMap;

use super::settings::{User, UserSecret};
use super::{Place, Problem};

/// Reads lines of `"user" "secret"`; what follows on a line is ignored, as are empty lines and
/// those that start with `;` or `#`. Two quotes inside a field are one. A later line for a user
/// replaces an earlier one.
///
/// # Errors
/// Every line that has not two quoted fields; the message does not repeat the line.
pub(super) fn parse(text: &str, file: &str) -> Result<BTreeMap<String, User>, Vec<Problem>> {
    let mut users = BTreeMap::new();
    let mut problems = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        match fields(line) {
            Some((name, secret)) => {
                let secret = UserSecret::classify(&secret);
                users.insert(name, User { secret, ..User::default() });
            }
            None => {
                let place = Place { file: file.to_owned(), line: number, column: 1 };
                let problem = Problem::new("auth.file", "this is not a user and a secret");
                problems.push(problem.help("write \"user\" \"secret\", with the quotes").at(place));
            }
        }
    }
    if problems.is_empty() { Ok(users) } else { Err(problems) }
}

fn fields(line: &str) -> Option<(String, String)> {
    let (name, rest) = quoted(line)?;
    let (secret, _) = quoted(rest.trim_start())?;
    (!name.is_empty()).then_some((name, secret))
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('"')?;
    let mut field = String::new();
    loop {
        let end = rest.find('"')?;
        field.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None => return Some((field, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::Secret;

    #[test]
    fn secrets_are_told_apart_by_their_form() {
        let md5 = "md5d41d8cd98f00b204e9800998ecf8427e";
        let scram = "SCRAM-SHA-256$4096:c2FsdHNhbHQ=$\
                     AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:\
                     AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let text = format!(
            "; comment\n\n\"ann\" \"pw\" more\n\"bob\" \"{md5}\"\n\"cat\" \"{scram}\"\n\
             \"d\"\"q\" \"a\"\"b\"\n\"eve\" \"\"\n\"fay\" \"md5short\"\n\"gus\" \"SCRAM-SHA-256$x\""
        );
        let users = parse(&text, "f").unwrap();
        let cases = [
            ("ann", UserSecret::Plain(Secret::new("pw"))),
            ("bob", UserSecret::Md5(Secret::new(md5))),
            ("cat", UserSecret::ScramVerifier(Secret::new(scram))),
            ("d\"q", UserSecret::Plain(Secret::new("a\"b"))),
            ("eve", UserSecret::None),
            ("fay", UserSecret::Plain(Secret::new("md5short"))),
            ("gus", UserSecret::Plain(Secret::new("SCRAM-SHA-256$x"))),
        ];
        assert_eq!(users.len(), cases.len());
        for (name, secret) in cases {
            assert_eq!(users[name].secret, secret, "{name}");
        }
    }

    #[test]
    fn a_broken_line_is_named_and_not_repeated() {
        for line in
            ["ann hunter2", "\"ann\" hunter2", "\"ann\"", "\"ann\" \"hunter2", "\"\" \"hunter2\""]
        {
            let problems = parse(&format!("\n{line}"), "f").unwrap_err();
            assert_eq!(problems.len(), 1, "{line}");
            assert_eq!(problems[0].place.as_ref().map(|place| place.line), Some(2));
            assert!(!problems[0].to_string().contains("hunter2"), "{}", problems[0]);
        }
    }
}
