//! What a reload changes, by the names of the keys: values may be secrets.

use std::fmt;

use weir_core::console::ConfigRow;

/// Keys that are named before it is only said how many more there are.
const NAMED_MAX: usize = 8;

/// Keys whose values differ between two configurations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// In force now.
    changed: Vec<String>,
    /// In force with the next start.
    later: Vec<String>,
}

impl Changes {
    /// The differences of two configurations as they are written.
    #[must_use]
    pub fn between(before: &[ConfigRow], after: &[ConfigRow]) -> Self {
        let same = |row: &&ConfigRow, others: &[ConfigRow]| {
            others.iter().any(|other| (&other.key, &other.value) == (&row.key, &row.value))
        };
        let gone = before.iter().filter(|row| !after.iter().any(|other| other.key == row.key));
        let new = after.iter().filter(|row| !same(row, before));
        let (mut changed, mut later) = (Vec::new(), Vec::new());
        for row in gone.chain(new) {
            if row.changeable { &mut changed } else { &mut later }.push(row.key.clone());
        }
        Self { changed, later }
    }

    /// Tells the log which changes are not in force.
    pub fn say_what_needs_a_restart(&self) {
        if !self.later.is_empty() {
            tracing::warn!("only a restart changes {}: the old values stay", self.later.join(", "));
        }
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named: Vec<&str> = self.changed.iter().take(NAMED_MAX).map(String::as_str).collect();
        match (named.is_empty(), self.changed.len().saturating_sub(NAMED_MAX)) {
            (true, _) => f.write_str("reloaded, nothing differs"),
            (false, 0) => f.write_str(&named.join(", ")),
            (false, more) => write!(f, "{} and {more} more", named.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, value: &str, changeable: bool) -> ConfigRow {
        ConfigRow { key: key.into(), value: value.into(), default: None, changeable }
    }

    #[test]
    fn changes_are_named_without_their_values() {
        let before = [row("a", "1", true), row("b", "1", true), row("c", "1", false)];
        let after = [row("a", "1", true), row("c", "2", false), row("d", "1", true)];
        let changes = Changes::between(&before, &after);
        assert_eq!(changes.to_string(), "b, d");
        assert_eq!(changes.later, ["c"]);
        assert_eq!(Changes::between(&after, &after).to_string(), "reloaded, nothing differs");
    }

    #[test]
    fn many_changes_are_counted() {
        let after: Vec<ConfigRow> = (0..11).map(|n| row(&format!("k{n}"), "1", true)).collect();
        let text = Changes::between(&[], &after).to_string();
        assert!(text.starts_with("k0, k1") && text.ends_with("k7 and 3 more"), "{text}");
    }
}
