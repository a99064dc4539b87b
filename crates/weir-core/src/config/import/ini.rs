//! The text of a `pgbouncer.ini`: sections, keys, `%include`, and the connection strings in it.

use crate::config::limits::{CONFIG_FILE_BYTES, CONFIG_FILES, CONFIG_INCLUDE_DEPTH};
use crate::config::{Place, Problem, Reader};

/// One `key = value` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The section it is in; empty before the first.
    pub(super) section: String,
    pub(super) key: String,
    pub(super) value: String,
    pub(super) place: Place,
}

/// Reads a text and what it includes.
///
/// # Errors
/// Every line that is neither a section, an entry, a comment nor `%include`.
pub(super) fn entries(
    text: &str,
    file: &str,
    reader: Reader<'_>,
) -> Result<Vec<Entry>, Vec<Problem>> {
    let mut parser = Parser {
        reader,
        section: String::new(),
        files: 0,
        entries: Vec::new(),
        problems: Vec::new(),
    };
    parser.file(text, file, 0);
    if parser.problems.is_empty() { Ok(parser.entries) } else { Err(parser.problems) }
}

struct Parser<'a> {
    reader: Reader<'a>,
    section: String,
    files: usize,
    entries: Vec<Entry>,
    problems: Vec<Problem>,
}

impl Parser<'_> {
    fn file(&mut self, text: &str, file: &str, depth: usize) {
        self.files += 1;
        if text.len() > CONFIG_FILE_BYTES {
            let message = format!("{file} has more than {CONFIG_FILE_BYTES} bytes");
            self.problems.push(Problem::new("", message));
            return;
        }
        for (line, content) in (1..).zip(text.lines()) {
            let place = Place { file: file.to_owned(), line, column: 1 };
            if let Err(message) = self.line(content.trim(), &place, depth) {
                self.problems.push(Problem::new("", message).at(place));
            }
        }
    }

    fn line(&mut self, line: &str, place: &Place, depth: usize) -> Result<(), String> {
        if line.is_empty() || line.starts_with([';', '#']) {
            return Ok(());
        }
        if let Some(name) = line.strip_prefix("%include") {
            return self.include(name.trim(), depth);
        }
        if let Some(rest) = line.strip_prefix('[') {
            let name = rest.strip_suffix(']').ok_or("the section has no closing `]`")?;
            self.section = name.trim().to_owned();
            return Ok(());
        }
        let (key, value) = split_entry(line)?;
        let section = self.section.clone();
        self.entries.push(Entry { section, key, value: value.to_owned(), place: place.clone() });
        Ok(())
    }

    fn include(&mut self, name: &str, depth: usize) -> Result<(), String> {
        if depth >= CONFIG_INCLUDE_DEPTH || self.files >= CONFIG_FILES {
            return Err(format!("`%include {name}` is one too many"));
        }
        let text = (self.reader)(name)?;
        self.file(&text, name, depth + 1);
        Ok(())
    }
}

/// Splits `key = value`; a key in double quotes may hold anything, two quotes being one.
fn split_entry(line: &str) -> Result<(String, &str), String> {
    let without_equals = || "this is not `key = value`".to_owned();
    if let Some(quoted) = line.strip_prefix('"') {
        let (key, rest) = unquote(quoted, '"').ok_or("the quote of the name is not closed")?;
        let value = rest.trim_start().strip_prefix('=').ok_or_else(without_equals)?;
        return Ok((key, value.trim()));
    }
    let (key, value) = line.split_once('=').ok_or_else(without_equals)?;
    Ok((key.trim().to_owned(), value.trim()))
}

/// Reads up to the closing quote; two quotes are one. The text starts after the opening quote.
fn unquote(text: &str, quote: char) -> Option<(String, &str)> {
    let mut word = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once(quote)?;
        word.push_str(before);
        match after.strip_prefix(quote) {
            Some(more) => {
                word.push(quote);
                rest = more;
            }
            None => return Some((word, after)),
        }
    }
}

/// Reads the pairs of a connection string: `key=value key='it''s'`.
///
/// # Errors
/// A message when it is not a list of pairs; it does not repeat the text, which may be secret.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut pairs = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or("this is not a list of key=value")?;
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('\'') {
            Some(quoted) => unquote(quoted, '\'').ok_or("a quote is not closed")?,
            None => {
                let end = after.find(char::is_whitespace).unwrap_or(after.len());
                (after[..end].to_owned(), &after[end..])
            }
        };
        let key = key.trim();
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err("this is not a list of key=value".into());
        }
        pairs.push((key.to_owned(), value));
        rest = next.trim_start();
    }
    Ok(pairs)
}
