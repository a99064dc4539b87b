//! Classes as an operator names them.

use std::sync::Arc;

use crate::dispatch::ClassRules;
use crate::ledger::ClassKind;

/// One class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassEntry {
    /// Its name.
    pub name: Arc<str>,
    /// Routes of tags that belong to it; `*` stands for anything.
    pub routes: Vec<String>,
    /// Application names that belong to it.
    pub applications: Vec<String>,
    /// Users that belong to it.
    pub users: Vec<String>,
    /// How it is served.
    pub rules: ClassRules,
}

/// All of them, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Classes(pub Vec<ClassEntry>);

impl Classes {
    /// The class that transactions belong to which the ledger calls `label`, for a reason of
    /// `kind`: of those that fit the one with the longest pattern, of equal ones the first.
    #[must_use]
    pub fn find(&self, kind: ClassKind, label: &str) -> Option<&ClassEntry> {
        let longest = |entry: &ClassEntry| {
            let fits = entry.patterns(kind).iter().filter(|pattern| matches(pattern, label));
            fits.map(String::len).max()
        };
        let mut best: Option<(usize, &ClassEntry)> = None;
        for entry in &self.0 {
            if let Some(len) = longest(entry)
                && best.is_none_or(|(other, _)| len > other)
            {
                best = Some((len, entry));
            }
        }
        best.map(|(_, entry)| entry)
    }
}

impl ClassEntry {
    fn patterns(&self, kind: ClassKind) -> &[String] {
        match kind {
            ClassKind::Tag => &self.routes,
            ClassKind::Application => &self.applications,
            ClassKind::User => &self.users,
            ClassKind::Nobody | ClassKind::Other | ClassKind::Shape => &[],
        }
    }
}

/// True when `text` is `pattern`, in which `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let Some(end) = parts.pop() else { return true };
    for part in parts {
        // The first place it occurs leaves the most for the others.
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, fits) in [
            ("GET /a", "GET /a", true),
            ("GET /a", "GET /ab", false),
            ("GET /a*", "GET /ab", true),
            ("*", "", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("*/reports/*", "GET /reports/daily", true),
            ("*/reports/*", "GET /report", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxcyyb", false),
            ("a*bc", "abcbc", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn the_longest_pattern_wins_and_kinds_are_kept_apart() {
        let entry = |name: &str, routes: &[&str], applications: &[&str]| ClassEntry {
            name: name.into(),
            routes: routes.iter().map(ToString::to_string).collect(),
            applications: applications.iter().map(ToString::to_string).collect(),
            users: Vec::new(),
            rules: ClassRules::default(),
        };
        let classes = Classes(vec![
            entry("all", &["*"], &[]),
            entry("batch", &[], &["batch-*"]),
            entry("reports", &["GET /reports/*", "POST /export"], &[]),
        ]);
        let found = |kind, label| classes.find(kind, label).map(|entry| &*entry.name);
        assert_eq!(found(ClassKind::Tag, "GET /reports/daily"), Some("reports"));
        assert_eq!(found(ClassKind::Tag, "POST /export"), Some("reports"));
        assert_eq!(found(ClassKind::Tag, "batch-night"), Some("all"));
        assert_eq!(found(ClassKind::Application, "batch-night"), Some("batch"));
        assert_eq!(found(ClassKind::User, "batch-night"), None);
        assert_eq!(found(ClassKind::Shape, "SELECT $1"), None);
    }
}
