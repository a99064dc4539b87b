//! Where each setting was written.

use std::collections::BTreeMap;

use super::{Place, Problem};

/// Appends a key to a path, quoted where TOML would quote it.
#[must_use]
pub(super) fn join(path: &str, key: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let key = if !key.is_empty() && key.bytes().all(bare) {
        key.to_owned()
    } else {
        format!("\"{}\"", key.escape_debug())
    };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// Places by path. A path without a place of its own has that of the table it is in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places(BTreeMap<String, Place>);

impl Places {
    /// Remembers where a setting was written; a later place replaces an earlier one.
    pub fn insert(&mut self, path: impl Into<String>, place: Place) {
        self.0.insert(path.into(), place);
    }

    /// The path of nested keys.
    #[must_use]
    pub fn path(keys: &[&str]) -> String {
        keys.iter().fold(String::new(), |path, key| join(&path, key))
    }

    /// The place of a setting, or of the nearest table around it.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Place> {
        let around = |known: &str| {
            path.strip_prefix(known)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let known = self.0.iter().filter(|(known, _)| around(known));
        known.max_by_key(|(known, _)| known.len()).map(|(_, place)| place)
    }

    /// Gives each problem without a place the place of its setting, and sorts them by place.
    #[must_use]
    pub fn locate(&self, mut problems: Vec<Problem>) -> Vec<Problem> {
        for problem in &mut problems {
            if problem.place.is_none() {
                problem.place = self.find(&problem.path).cloned();
            }
        }
        problems.sort_by(|a, b| (&a.place, &a.path).cmp(&(&b.place, &b.path)));
        problems
    }
}

/// Turns byte offsets of one text into lines and columns.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    file: &'a str,
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        let after_breaks =
            text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1);
        Self { file, text, starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    pub(super) fn place(&self, offset: usize) -> Place {
        let index = self.starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let before = self.text.get(self.starts[index]..offset).unwrap_or_default();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place {
            file: self.file.to_owned(),
            line: count(index + 1),
            column: count(before.chars().count() + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_become_lines_and_columns_of_characters() {
        let lines = Lines::new("f", "ab\ncé d\n");
        let at = |offset| {
            let place = lines.place(offset);
            (place.line, place.column)
        };
        assert_eq!([at(0), at(2), at(3), at(7), at(9)], [(1, 1), (1, 3), (2, 1), (2, 4), (3, 1)]);
    }

    #[test]
    fn a_path_is_found_by_the_nearest_table_around_it() {
        let place = |line| Place { file: "f".into(), line, column: 1 };
        let mut places = Places::default();
        places.insert("pool", place(1));
        places.insert("pool.size", place(2));
        places.insert(join("databases", "a.b"), place(3));
        assert_eq!(places.find("pool.size"), Some(&place(2)));
        assert_eq!(places.find("pool.sizes"), Some(&place(1)));
        assert_eq!(places.find("databases.\"a.b\".port"), Some(&place(3)));
        assert_eq!(places.find("log.level"), None);
    }
}
