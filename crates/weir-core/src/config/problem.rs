//! What is wrong with a configuration, where, and what to do about it.

use std::fmt;

/// Where a setting was written: a position in a file, counted from 1, or a flag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file's name as it was given, or the flag, for example `--pool-size`.
    pub file: String,
    /// Line, from 1; 0 for a flag.
    pub line: u32,
    /// Column in characters, from 1; 0 for a flag.
    pub column: u32,
}

impl Place {
    /// The place of a setting given on the command line.
    #[must_use]
    pub fn flag(name: &str) -> Self {
        Self { file: name.to_owned(), line: 0, column: 0 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        Ok(())
    }
}

/// One thing wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting, for example `pool.size`; empty when the text cannot be read at all.
    pub path: String,
    /// Where it was written; `None` for a default.
    pub place: Option<Place>,
    /// What is wrong.
    pub message: String,
    /// What to do; empty when the message says it.
    pub help: String,
}

impl Problem {
    /// A problem with a setting, its place not known yet.
    #[must_use]
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), place: None, message: message.into(), help: String::new() }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// Adds where it was written.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }
}

impl fmt::Display for Problem {
    /// `file:line:column: path: message`, and the help on a line of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if !self.help.is_empty() {
            write!(f, "\n  help: {}", self.help)?;
        }
        Ok(())
    }
}
