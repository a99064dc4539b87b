//! Settings that a session has changed, and how to bring a server connection to them.
//!
//! A server connection begins with the settings of its login (the *base*). What a client sets for
//! its session, and what it asked for in its startup packet, are *overrides* of that base. They
//! are kept as immutable, shared sets: clients of one application share one, so the question "is
//! this server connection as this client left it?" is a pointer comparison.

use std::collections::HashMap;
use std::ops::Deref;
use std::rc::{Rc, Weak};

use crate::config::limits::{TRACKED_PARAMETER_BYTES, TRACKED_PARAMETERS};

/// One setting and the value it was given.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Override {
    /// The setting's name in lower case.
    pub name: Box<[u8]>,
    /// Its value.
    pub value: Value,
}

/// How a value is written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    /// The text that followed `SET name TO`; repeated as it is.
    Raw(Box<[u8]>),
    /// The value itself, as a startup packet or `set_config` takes it.
    Literal(Box<[u8]>),
}

/// A change that takes effect when its transaction commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The setting gets a value.
    Set(Override),
    /// The setting goes back to the session's default.
    Unset(Box<[u8]>),
    /// `RESET ALL`: all settings go back but the role and the authorization
    /// (`GUC_NO_RESET_ALL`).
    ResetAll,
    /// `DISCARD ALL`: those two as well.
    DiscardAll,
}

/// Overrides, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overrides {
    list: Box<[Override]>,
    moves_names: bool,
}

/// A set of overrides that those share who have the same.
pub type OverrideSet = Rc<Overrides>;

impl Overrides {
    fn new(list: Vec<Override>) -> Self {
        let moves_names = list.iter().any(Override::moves_names);
        Self { list: list.into(), moves_names }
    }

    /// Some decide where the names in a statement are looked up.
    #[inline]
    pub(super) const fn moves_names(&self) -> bool {
        self.moves_names
    }
}

impl Deref for Overrides {
    type Target = [Override];

    fn deref(&self) -> &[Override] {
        &self.list
    }
}

impl Override {
    /// It decides where the names in a statement are looked up: `search_path`, or the role behind
    /// its `$user`.
    pub(super) fn moves_names(&self) -> bool {
        matches!(&*self.name, b"search_path" | b"role" | b"session_authorization")
    }
}

/// Interns override sets, so that equal sets are the same allocation.
#[derive(Debug)]
pub struct OverrideBook {
    empty: OverrideSet,
    sets: HashMap<Box<[Override]>, Weak<Overrides>>,
    sweep_at: usize,
}

impl Default for OverrideBook {
    fn default() -> Self {
        Self { empty: Rc::new(Overrides::new(Vec::new())), sets: HashMap::new(), sweep_at: 64 }
    }
}

impl OverrideBook {
    /// The base itself: nothing is overridden.
    #[must_use]
    pub fn empty(&self) -> OverrideSet {
        Rc::clone(&self.empty)
    }

    /// The set of these overrides; of two with the same name the later one counts.
    pub fn intern(&mut self, overrides: impl IntoIterator<Item = Override>) -> OverrideSet {
        let mut list: Vec<Override> = Vec::new();
        for item in overrides {
            match list.binary_search_by(|o| o.name.cmp(&item.name)) {
                Ok(at) => list[at] = item,
                Err(at) => list.insert(at, item),
            }
        }
        if list.is_empty() {
            return self.empty();
        }
        if let Some(set) = self.sets.get(list.as_slice()).and_then(Weak::upgrade) {
            return set;
        }
        self.sweep();
        let set = Rc::new(Overrides::new(list.clone()));
        self.sets.insert(list.into_boxed_slice(), Rc::downgrade(&set));
        set
    }

    /// `set` after `changes`. What is unset goes back to `defaults`.
    pub fn apply(
        &mut self,
        set: &OverrideSet,
        changes: &[Change],
        defaults: &OverrideSet,
    ) -> OverrideSet {
        let mut list = set.to_vec();
        for change in changes {
            match change {
                Change::Set(item) => {
                    put(&mut list, &item.name, Some(item));
                }
                Change::Unset(name) => {
                    put(&mut list, name, defaults.iter().find(|o| o.name == *name));
                }
                Change::ResetAll => {
                    list.retain(|o| is_identity(&o.name));
                    list.extend(defaults.iter().filter(|o| !is_identity(&o.name)).cloned());
                }
                Change::DiscardAll => list = defaults.to_vec(),
            }
        }
        self.intern(list)
    }

    /// Forgets sets that nobody uses, whenever the number of sets has doubled.
    fn sweep(&mut self) {
        if self.sets.len() < self.sweep_at {
            return;
        }
        self.sets.retain(|_, set| set.strong_count() > 0);
        self.sweep_at = (self.sets.len() * 2).max(64);
    }
}

/// Gives `name` this value, or none.
fn put(list: &mut Vec<Override>, name: &[u8], item: Option<&Override>) {
    list.retain(|o| *o.name != *name);
    if name == b"session_authorization" {
        // The role was taken under the other authorization: it is given up.
        list.retain(|o| *o.name != *b"role");
    }
    list.extend(item.cloned());
}

/// More than may follow a client: it keeps its server connection instead.
pub(super) fn is_too_much(overrides: &[Override]) -> bool {
    let value = |item: &Override| match &item.value {
        Value::Raw(text) | Value::Literal(text) => text.len(),
    };
    let bytes: usize = overrides.iter().map(|item| item.name.len() + value(item)).sum();
    overrides.len() > TRACKED_PARAMETERS || bytes > TRACKED_PARAMETER_BYTES
}

/// Appends the statements that bring a server connection from `from` to `to`.
///
/// A role is given up first and taken last, because it decides what may be set.
pub(super) fn write_difference(out: &mut Vec<u8>, from: &OverrideSet, to: &OverrideSet) {
    let wanted = |name: &[u8]| to.iter().find(|o| *o.name == *name);
    for item in from.iter().filter(|o| is_identity(&o.name)) {
        if wanted(&item.name) != Some(item) || differs_in_identity(from, to) {
            write_reset(out, &item.name);
        }
    }
    for item in from.iter().filter(|o| !is_identity(&o.name)) {
        if wanted(&item.name).is_none() {
            write_reset(out, &item.name);
        }
    }
    let held = |item: &Override| from.iter().any(|o| o == item);
    for item in to.iter().filter(|o| !is_identity(&o.name)) {
        if !held(item) {
            write_set(out, item);
        }
    }
    if differs_in_identity(from, to) {
        // The authorization decides which roles may be taken, so it comes first.
        for name in [&b"session_authorization"[..], b"role"] {
            if let Some(item) = wanted(name) {
                write_set(out, item);
            }
        }
    }
}

/// Whether a statement could tell the difference: a name for the logs does not decide what a
/// statement does.
pub(super) fn differ_in_effect(from: &OverrideSet, to: &OverrideSet) -> bool {
    let telling = |set: &OverrideSet| -> Vec<Override> {
        set.iter().filter(|o| *o.name != *b"application_name").cloned().collect()
    };
    telling(from) != telling(to)
}

fn is_identity(name: &[u8]) -> bool {
    matches!(name, b"role" | b"session_authorization")
}

fn differs_in_identity(from: &OverrideSet, to: &OverrideSet) -> bool {
    let identity = |set: &OverrideSet| -> Vec<Override> {
        set.iter().filter(|o| is_identity(&o.name)).cloned().collect()
    };
    identity(from) != identity(to)
}

fn write_reset(out: &mut Vec<u8>, name: &[u8]) {
    out.extend_from_slice(b"RESET ");
    write_name(out, name);
    out.push(b';');
}

fn write_set(out: &mut Vec<u8>, item: &Override) {
    match &item.value {
        Value::Raw(text) => {
            out.extend_from_slice(b"SET ");
            write_name(out, &item.name);
            out.extend_from_slice(b" TO ");
            out.extend_from_slice(text);
            out.push(b';');
        }
        Value::Literal(text) => {
            out.extend_from_slice(b"SELECT pg_catalog.set_config(");
            write_literal(out, &item.name);
            out.push(b',');
            write_literal(out, text);
            out.extend_from_slice(b",false);");
        }
    }
}

/// A setting's name may have dots (`app.user_id`): each part is quoted by itself. The two names
/// that are keywords of their own are written as such.
fn write_name(out: &mut Vec<u8>, name: &[u8]) {
    match name {
        b"session_authorization" => out.extend_from_slice(b"SESSION AUTHORIZATION"),
        b"role" => out.extend_from_slice(b"ROLE"),
        _ => {
            for (index, part) in name.split(|&b| b == b'.').enumerate() {
                if index > 0 {
                    out.push(b'.');
                }
                write_quoted(out, part, b'"');
            }
        }
    }
}

/// Writes a string constant that means the same whatever `standard_conforming_strings` says.
fn write_literal(out: &mut Vec<u8>, text: &[u8]) {
    if !text.contains(&b'\\') {
        write_quoted(out, text, b'\'');
        return;
    }
    out.push(b'E');
    let escaped: Vec<u8> =
        text.iter().flat_map(|&b| if b == b'\\' { vec![b'\\', b'\\'] } else { vec![b] }).collect();
    write_quoted(out, &escaped, b'\'');
}

fn write_quoted(out: &mut Vec<u8>, text: &[u8], quote: u8) {
    out.push(quote);
    for &byte in text {
        if byte == quote {
            out.push(quote);
        }
        out.push(byte);
    }
    out.push(quote);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(name: &str, value: &str) -> Override {
        Override { name: name.as_bytes().into(), value: Value::Raw(value.as_bytes().into()) }
    }

    fn literal(name: &str, value: &str) -> Override {
        Override { name: name.as_bytes().into(), value: Value::Literal(value.as_bytes().into()) }
    }

    fn check(from: &[Override], to: &[Override], expected: &str) {
        let mut book = OverrideBook::default();
        let (from, to) = (book.intern(from.to_vec()), book.intern(to.to_vec()));
        let mut out = Vec::new();
        write_difference(&mut out, &from, &to);
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn equal_sets_are_the_same_allocation() {
        let mut book = OverrideBook::default();
        let one = book.intern([raw("a", "1"), raw("b", "2")]);
        let two = book.intern([raw("b", "2"), raw("a", "9"), raw("a", "1")]);
        assert!(Rc::ptr_eq(&one, &two));
        assert!(Rc::ptr_eq(&book.empty(), &book.intern([])));
    }

    #[test]
    fn only_what_differs_is_written() {
        check(&[], &[], "");
        check(&[raw("a", "1")], &[raw("a", "1")], "");
        check(&[raw("a", "1")], &[], "RESET \"a\";");
        check(&[raw("a", "1")], &[raw("a", "2")], "SET \"a\" TO 2;");
        check(&[], &[raw("app.tenant", "'x'")], "SET \"app\".\"tenant\" TO 'x';");
        check(
            &[],
            &[literal("search_path", "a, b'c\\")],
            "SELECT pg_catalog.set_config('search_path',E'a, b''c\\\\',false);",
        );
    }

    #[test]
    fn a_role_is_given_up_first_and_taken_last() {
        check(
            &[raw("role", "alice"), raw("a", "1")],
            &[raw("role", "bob"), raw("a", "2")],
            "RESET ROLE;SET \"a\" TO 2;SET ROLE TO bob;",
        );
        check(&[raw("role", "alice")], &[raw("role", "alice"), raw("a", "2")], "SET \"a\" TO 2;");
        check(&[raw("session_authorization", "x")], &[], "RESET SESSION AUTHORIZATION;");
    }

    #[test]
    fn changes_fall_back_to_the_defaults() {
        let mut book = OverrideBook::default();
        let startup = book.intern([literal("timezone", "UTC")]);
        let set = book.apply(&startup, &[Change::Set(raw("timezone", "'Asia/Tokyo'"))], &startup);
        assert_ne!(set, startup);
        let back = book.apply(&set, &[Change::Unset(b"timezone"[..].into())], &startup);
        assert!(Rc::ptr_eq(&back, &startup));
        assert!(Rc::ptr_eq(&book.apply(&set, &[Change::ResetAll], &startup), &startup));
    }

    #[test]
    fn reset_all_keeps_who_the_session_is() {
        let mut book = OverrideBook::default();
        let base = book.empty();
        let set = book.intern([raw("a", "1"), raw("role", "alice")]);
        let left = book.apply(&set, &[Change::ResetAll], &base);
        assert_eq!(left[..], [raw("role", "alice")]);
        assert!(book.apply(&set, &[Change::DiscardAll], &base).is_empty());
        let bob = Change::Set(raw("session_authorization", "bob"));
        let set = book.apply(&left, &[bob], &base);
        assert_eq!(set[..], [raw("session_authorization", "bob")]);
    }
}
