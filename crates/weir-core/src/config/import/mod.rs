//! Reads a `pgbouncer.ini` as it is, into the same [`Options`] a TOML file gives.

mod ini;
mod keys;
mod special;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use self::ini::Entry;
use self::keys::{DATABASE, Fate, GENERAL, USER};
use super::nearest::nearest;
use super::options::Options;
use super::places::{Places, join};
use super::schema::numbers_outside_in;
use super::{Problem, Reader};

/// What a `pgbouncer.ini` amounts to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The options, with PgBouncer's defaults where they differ from ours.
    pub options: Options,
    /// Where each of them was written.
    pub places: Places,
    /// Keys without a counterpart, and what happens instead; and where we do more than asked.
    pub warnings: Vec<Problem>,
}

/// The setting that takes the place of a key of `[pgbouncer]`.
pub(super) fn counterpart(key: &str) -> Option<&'static str> {
    match find(GENERAL, key)? {
        Fate::Is(path, _) | Fate::Special(path) => Some(path),
        Fate::Dropped(_) => None,
    }
}

fn find(table: &[(&str, Fate)], key: &str) -> Option<Fate> {
    table.iter().find(|(name, _)| *name == key).map(|(_, fate)| *fate)
}

/// Reads the text of the ini file named `file`; `reader` reads what it includes.
///
/// # Errors
/// Lines that cannot be read, and values that cannot mean anything.
pub fn import(text: &str, file: &str, reader: Reader<'_>) -> Result<Imported, Vec<Problem>> {
    let entries = ini::entries(text, file, reader)?;
    let mut import = Import::new();
    for entry in &entries {
        import.entry(entry);
    }
    import.special();
    if !import.problems.is_empty() {
        return Err(import.problems);
    }
    let tree = Value::Object(import.tree);
    let outside = numbers_outside_in(&tree);
    if !outside.is_empty() {
        return Err(import.places.locate(outside));
    }
    // Names, forms and ranges hold: what serde still refuses is a fault of the table of keys.
    let options = serde_json::from_value(tree)
        .map_err(|error| vec![Problem::new("", format!("cannot import {file}: {error}"))])?;
    let mut imported = Imported { options, places: import.places, warnings: import.warnings };
    special::soften(&mut imported);
    imported.warnings = imported.places.locate(imported.warnings);
    Ok(imported)
}

/// The page that says what becomes of each key of a `pgbouncer.ini`, in Markdown.
#[must_use]
pub fn reference() -> String {
    let mut page = INTRODUCTION.to_owned();
    let tables = [
        ("`[pgbouncer]`", "", GENERAL),
        ("Entries of `[databases]`", "databases.NAME.", DATABASE),
        ("Entries of `[users]`", "users.NAME.", USER),
    ];
    for (title, parent, table) in tables {
        page.push_str(&format!("\n## {title}\n\n| there | here |\n| --- | --- |\n"));
        for (key, fate) in table {
            let here = match fate {
                Fate::Is(path, _) | Fate::Special(path) => format!("`{parent}{path}`"),
                Fate::Dropped(instead) => format!("none: {instead}"),
            };
            page.push_str(&format!("| `{key}` | {here} |\n"));
        }
    }
    page
}

const INTRODUCTION: &str = "\
# Coming from PgBouncer

`weir up pgbouncer.ini` reads the file as it is, with what it includes, its user list and its HBA
file. `weir config check pgbouncer.ini` names every key that is left out and what happens instead;
`weir config show pgbouncer.ini` prints it as TOML, passwords as `***`.

What a file leaves out has PgBouncer's default where that differs: session mode, md5, 100 clients,
a socket in `/tmp`. Pauses after failed connects grow from 100 ms up to `server_login_retry`, which
is 1 s where the file does not say it. What PgBouncer accepts and Weir would refuse is kept with a
warning: trust beyond loopback, a minimum larger than its pool, an inner timeout longer than the
outer one. `auth_type` `pam` and `ldap` are errors: there is nothing safe to put in their place.

This page is made by `cargo xtask gen` from the table the import uses.
";

struct Import<'a> {
    tree: Map<String, Value>,
    /// Entries of `[pgbouncer]` that are put together at the end.
    specials: BTreeMap<&'a str, &'a Entry>,
    places: Places,
    warnings: Vec<Problem>,
    problems: Vec<Problem>,
}

impl<'a> Import<'a> {
    /// Starts with PgBouncer's defaults where they differ from ours.
    fn new() -> Self {
        let tree = [
            ("pool", json!({ "mode": "session" })),
            ("auth", json!({ "method": "md5" })),
            ("limits", json!({ "clients_max": 100 })),
        ];
        Self {
            tree: tree.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
            specials: BTreeMap::new(),
            places: Places::default(),
            warnings: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn entry(&mut self, entry: &'a Entry) {
        match entry.section.as_str() {
            "pgbouncer" => self.general(entry),
            "databases" => self.named("databases", DATABASE, entry),
            "users" => self.named("users", USER, entry),
            "peers" => {
                let message = format!("peer `{}` is left out", entry.key);
                let help = "one process with several workers takes the place of peers";
                self.warnings.push(Problem::new("", message).help(help).at(entry.place.clone()));
            }
            other => {
                let message = format!("`{}` is in the unknown section [{other}]", entry.key);
                let help = "PgBouncer knows [databases], [pgbouncer], [users] and [peers]";
                self.problems.push(Problem::new("", message).help(help).at(entry.place.clone()));
            }
        }
    }

    fn general(&mut self, entry: &'a Entry) {
        if let Some((name, Fate::Special(_))) = GENERAL.iter().find(|(key, _)| *key == entry.key) {
            self.specials.insert(name, entry);
        } else {
            self.apply(GENERAL, &[], (&entry.key, &entry.value), entry);
        }
    }

    /// A line of `[databases]` or `[users]`: a name and a list of pairs.
    fn named(&mut self, table: &str, known: &[(&str, Fate)], entry: &Entry) {
        let parents = [table, entry.key.as_str()];
        match ini::pairs(&entry.value) {
            Ok(pairs) => {
                self.places.insert(join(table, &entry.key), entry.place.clone());
                self.put(&parents, json!({}));
                for (key, value) in &pairs {
                    self.apply(known, &parents, (key, value), entry);
                }
            }
            Err(message) => {
                let problem = Problem::new(join(table, &entry.key), message);
                self.problems.push(problem.at(entry.place.clone()));
            }
        }
    }

    /// Sets what `key` is here, below `parents`.
    fn apply(
        &mut self,
        known: &[(&str, Fate)],
        parents: &[&str],
        (key, value): (&str, &str),
        entry: &Entry,
    ) {
        let place = || entry.place.clone();
        match find(known, key) {
            Some(Fate::Is(path, form)) => match keys::convert(form, value) {
                Ok(Some(value)) => {
                    let path: Vec<&str> = parents.iter().copied().chain(path.split('.')).collect();
                    self.put(&path, value);
                    self.places.insert(Places::path(&path), place());
                }
                Ok(None) => {}
                Err(message) => self.problems.push(Problem::new(key, message).at(place())),
            },
            Some(Fate::Dropped(instead)) => {
                let message = "this key has no counterpart and is left out";
                self.warnings.push(Problem::new(key, message).help(instead).at(place()));
            }
            // Only keys of [pgbouncer] are special, and `general` keeps those.
            Some(Fate::Special(_)) | None => {
                let near = nearest(key, known.iter().map(|(name, _)| *name));
                let help = near.map_or_else(String::new, |near| format!("did you mean `{near}`?"));
                let message = "PgBouncer knows no such key; it is left out";
                self.warnings.push(Problem::new(key, message).help(help).at(place()));
            }
        }
    }

    /// Puts a value into the tree; a table that is there already stays.
    fn put(&mut self, path: &[&str], value: Value) {
        let Some((last, parents)) = path.split_last() else { return };
        let mut table = &mut self.tree;
        for parent in parents {
            let next = table.entry(*parent).or_insert_with(|| json!({}));
            let Value::Object(inner) = next else { return };
            table = inner;
        }
        if value.is_object() {
            table.entry(*last).or_insert(value);
        } else {
            table.insert((*last).to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests;
