//! One file: its text, its tree, its lines, and what went wrong while reading it.

use crate::syntax::ast::{Span, Stmt};
use crate::syntax::{guard, lower};

/// A file as given by the shell: a path relative to the project root with `/` between parts, and
/// its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Path for messages and for the module's name.
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// A line and column, both from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line from 1.
    pub line: usize,
    /// Column from 1, in characters.
    pub column: usize,
}

/// A parsed file.
#[derive(Debug)]
pub struct Module {
    pub(crate) path: String,
    pub(crate) text: String,
    /// Dotted name from the path; a package's `__init__` has the package's name.
    pub(crate) dotted: String,
    pub(crate) is_package: bool,
    pub(crate) body: Vec<Stmt>,
    pub(crate) problem: Option<Problem>,
    line_starts: Vec<u32>,
}

/// Why a file, or part of it, could not be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it starts.
    pub place: Place,
    /// What is wrong and what to do.
    pub message: String,
}

impl Module {
    /// Parses `source`. Never fails: what cannot be read is told by [`Module::problem`].
    #[must_use]
    pub fn parse(source: Source) -> Self {
        let Source { path, text } = source;
        let (dotted, is_package) = dotted_name(&path);
        let line_starts = line_starts(&text);
        let mut module =
            Self { path, text, dotted, is_package, body: Vec::new(), problem: None, line_starts };
        match guard::admit(&module.text) {
            Err(refusal) => {
                let line = match refusal {
                    guard::Refusal::TooDeep { line } => line,
                    guard::Refusal::TooLong { .. } | guard::Refusal::NotText => 1,
                };
                let place = Place { line, column: 1 };
                module.problem = Some(Problem { place, message: refusal.to_string() });
            }
            Ok(()) => {
                let (body, error) = lower::parse(&module.text);
                module.body = body;
                module.problem = error.map(|e| Problem {
                    place: module.place(e.span.start),
                    message: format!(
                        "syntax error: {}; the rest of the file is checked",
                        e.message
                    ),
                });
            }
        }
        module
    }

    /// The path as given.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The text as given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What could not be read, if anything.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }

    /// The line and column of byte `offset`.
    #[must_use]
    pub fn place(&self, offset: u32) -> Place {
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1);
        let start = self.line_starts[line - 1] as usize;
        let end = (offset as usize).min(self.text.len());
        let column = self.text.get(start..end).map_or(0, |head| head.chars().count()) + 1;
        Place { line, column }
    }

    /// The text of `line` (from 1) without its line end; empty when there is no such line.
    #[must_use]
    pub fn line(&self, line: usize) -> &str {
        let Some(start) = line.checked_sub(1).and_then(|i| self.line_starts.get(i)) else {
            return "";
        };
        let end = self.line_starts.get(line).map_or(self.text.len(), |e| *e as usize);
        self.text.get(*start as usize..end).unwrap_or("").trim_end_matches(['\n', '\r'])
    }

    /// How many lines the file has, at least 1.
    #[must_use]
    pub fn line_count(&self) -> usize {
        self.line_starts.len()
    }

    /// The source text of `span`.
    pub(crate) fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or("")
    }
}

fn line_starts(text: &str) -> Vec<u32> {
    let after_newline = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
    let starts = after_newline.map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX));
    std::iter::once(0).chain(starts).collect()
}

/// `src/shop/__init__.py` is the package `src.shop`; `src/shop/models.py` is `src.shop.models`.
fn dotted_name(path: &str) -> (String, bool) {
    let stem = path.trim_start_matches("./").trim_start_matches('/');
    let stem = stem.strip_suffix(".pyi").or_else(|| stem.strip_suffix(".py")).unwrap_or(stem);
    let dotted = stem.replace(['/', '\\'], ".");
    match dotted.strip_suffix(".__init__") {
        Some(package) => (package.to_owned(), true),
        None if dotted == "__init__" => (String::new(), true),
        None => (dotted, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(text: &str) -> Module {
        Module::parse(Source { path: "shop/models.py".into(), text: text.into() })
    }

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let module = module("a = 1\né = b\n");
        assert_eq!(module.place(0), Place { line: 1, column: 1 });
        assert_eq!(module.place(11), Place { line: 2, column: 5 });
        assert_eq!(module.line(2), "é = b");
        assert_eq!(module.line(9), "");
    }

    #[test]
    fn names_follow_the_path() {
        assert_eq!(dotted_name("src/shop/__init__.py"), ("src.shop".into(), true));
        assert_eq!(dotted_name("./shop/models.py"), ("shop.models".into(), false));
    }

    #[test]
    fn broken_files_keep_their_sound_parts() {
        let module = module("x = (\n\ndef f():\n    pass\n");
        assert!(module.problem().is_some());
    }
}
