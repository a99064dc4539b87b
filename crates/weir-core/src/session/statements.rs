//! Statement texts: what they mean to a pooler, and the names they have on server connections.
//!
//! A client's prepared statement is identified by its text and parameter types, never by its
//! name: two clients that prepare the same text share one statement on each server connection.

use std::collections::HashMap;
use std::ops::Deref;

use weir_wire::sql::{self, Facts};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::config::limits::STATEMENT_BYTES;
use crate::session::hash::NumberHash;
use crate::session::overrides::{Overrides, Value};
use crate::session::samples::{Hint, Samples};

/// Names one statement text with its parameter types, for the life of the worker. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatementId(u32);

impl StatementId {
    /// The statement's name on server connections: [`OUR_NAMES`] and a number.
    pub(super) fn name(self) -> StatementName {
        let mut bytes = [0; NAME_LEN_MAX];
        let mut start = NAME_LEN_MAX;
        let mut rest = self.0;
        while rest > 0 || start == NAME_LEN_MAX {
            start -= 1;
            let digit = (rest % 10) as u8;
            bytes[start] = b'0' + digit;
            rest /= 10;
        }
        start -= OUR_NAMES.len();
        bytes[start..start + OUR_NAMES.len()].copy_from_slice(OUR_NAMES);
        StatementName { bytes, start }
    }
}

/// What all our names of statements begin with.
pub(super) const OUR_NAMES: &[u8] = b"weir.";

const NAME_LEN_MAX: usize = OUR_NAMES.len() + 10;

/// A statement's name on server connections, on the stack.
#[derive(Debug, Clone, Copy)]
pub(super) struct StatementName {
    bytes: [u8; NAME_LEN_MAX],
    start: usize,
}

impl Deref for StatementName {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

/// What a look at a text tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// What it means to a pooler.
    pub facts: Facts,
    /// What it has in common with texts of other values and comments: see [`sql::template`].
    pub template: u64,
}

/// A prepared statement as a client sent it.
#[derive(Debug)]
pub struct Statement {
    /// Its text.
    pub text: Box<[u8]>,
    /// Its declared parameter types, four bytes each, as on the wire.
    pub types: Box<[u8]>,
    /// What it means to a pooler.
    pub facts: Facts,
    /// Its template.
    pub template: u64,
    scope: u64,
    hash: u64,
    users: u32,
    touched: bool,
}

impl Statement {
    /// What a look at its text tells.
    #[inline]
    pub(super) const fn look(&self) -> Look {
        Look { facts: self.facts, template: self.template }
    }

    /// The number of its declared types, as on the wire.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "it came as 16 bits")]
    pub(super) const fn types_count(&self) -> [u8; 2] {
        ((self.types.len() / 4) as u16).to_be_bytes()
    }
}

/// All statements that clients of one worker have prepared, and what recent texts mean.
#[derive(Debug)]
pub struct Statements {
    seed: u64,
    schema_changes: u64,
    by_id: HashMap<StatementId, Statement, NumberHash>,
    by_hash: HashMap<u64, StatementId, NumberHash>,
    next: u32,
    unused_max: usize,
    unused: usize,
    /// Bytes of all texts and types together.
    bytes: usize,
    bytes_max: usize,
    recent: Box<[(u64, Facts)]>,
    samples: Samples,
}

/// Slots of the table of recent texts, by template; a power of two.
const RECENT_SLOTS: usize = 4096;

impl Statements {
    /// An empty table. `seed` keys the text hashes, so that nobody can provoke collisions;
    /// `unused_max` is how many statements are remembered after their last client left.
    #[must_use]
    pub fn new(seed: u64, unused_max: usize) -> Self {
        let nothing = (0, sql::facts(b""));
        Self {
            seed,
            schema_changes: 0,
            by_id: HashMap::default(),
            by_hash: HashMap::default(),
            next: 0,
            unused_max,
            unused: 0,
            bytes: 0,
            bytes_max: STATEMENT_BYTES,
            recent: vec![nothing; RECENT_SLOTS].into_boxed_slice(),
            samples: Samples::new(),
        }
    }

    /// What `text` means to a pooler, and its template; scanned once, then remembered by that while
    /// it is in use.
    #[inline]
    pub fn look(&mut self, text: &[u8]) -> Look {
        // Bit 0 tells a remembered template from an empty slot.
        let hash = sql::template(text, self.seed) | 1;
        let slot = (hash >> 32) as usize & (RECENT_SLOTS - 1);
        let (known, facts) = self.recent[slot];
        if known == hash {
            return Look { facts, template: hash };
        }
        let facts = sql::facts(text);
        self.recent[slot] = (hash, facts);
        Look { facts, template: hash }
    }

    /// The same for a text that is like the client's last one, by a comparison; it holds no zero
    /// byte then.
    #[inline]
    pub(super) fn look_again(&mut self, text: &[u8], hint: Hint) -> Option<Look> {
        self.samples.look(text, hint)
    }

    /// The same as [`Self::look`]; the client's next text is held against this one.
    pub(super) fn look_first(&mut self, text: &[u8], hint: &mut Hint) -> Look {
        let look = self.look(text);
        *hint = self.samples.keep(text, look);
        look
    }

    /// The statement with this text and these types, known or new, with one user more.
    ///
    /// `scope` tells apart equal texts that may mean different things: see [`Self::scope`].
    pub fn retain(&mut self, text: &[u8], types: &[u8], scope: u64) -> StatementId {
        let seed = self.seed ^ xxh3_64_with_seed(types, self.seed ^ scope);
        let hash = xxh3_64_with_seed(text, seed);
        if let Some(&id) = self.by_hash.get(&hash)
            && let Some(known) = self.by_id.get_mut(&id)
            && *known.text == *text
            && *known.types == *types
            && known.scope == scope
        {
            self.unused -= usize::from(known.users == 0);
            known.users += 1;
            known.touched = true;
            return id;
        }
        self.insert(hash, text, types, scope)
    }

    /// Whether a statement would mean now what it meant when it was prepared: see [`Self::scope`].
    #[inline]
    pub(super) fn means_the_same(&self, known: &Statement, overrides: &Overrides) -> bool {
        known.scope == self.scope(overrides)
    }

    /// What decides, beside its text, what a statement means when it is parsed now: where names
    /// are looked up (`search_path`, and the role behind `$user`), and how often the schema has
    /// changed. PostgreSQL refuses a prepared statement whose columns have changed since ("cached
    /// plan must not change result type"), so a Parse must never be answered with one that was
    /// prepared before the change.
    #[inline]
    #[must_use]
    pub fn scope(&self, overrides: &Overrides) -> u64 {
        if !overrides.moves_names() {
            return self.schema_changes;
        }
        let deciding = overrides.iter().filter(|item| item.moves_names());
        deciding.fold(self.schema_changes, |scope, item| {
            let (Value::Raw(text) | Value::Literal(text)) = &item.value;
            xxh3_64_with_seed(text, scope ^ xxh3_64_with_seed(&item.name, self.seed))
        })
    }

    /// The schema of some database is about to change, or has changed.
    pub fn schema_changed(&mut self) {
        self.schema_changes += 1;
    }

    /// Makes room for a statement of this text and these types. False when the statements in use
    /// fill all there is.
    #[must_use]
    pub fn make_room(&mut self, text: &[u8], types: &[u8]) -> bool {
        let len = text.len() + types.len();
        if self.bytes + len <= self.bytes_max {
            return true;
        }
        self.drop_unused(|_| true);
        self.bytes + len <= self.bytes_max
    }

    /// One user less.
    pub fn release(&mut self, id: StatementId) {
        let Some(statement) = self.by_id.get_mut(&id) else { return };
        statement.users = statement.users.saturating_sub(1);
        if statement.users == 0 {
            self.unused += 1;
            if self.unused > self.unused_max {
                self.sweep();
            }
        }
    }

    /// The statement; `None` only for one that has no user.
    #[must_use]
    pub fn get(&self, id: StatementId) -> Option<&Statement> {
        self.by_id.get(&id)
    }

    /// How many statements are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// What hashes of clients' texts are keyed with.
    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// Uses of all statements together.
    #[cfg(test)]
    pub(super) fn users(&self) -> u32 {
        self.by_id.values().map(|statement| statement.users).sum()
    }

    /// No statement is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    fn insert(&mut self, hash: u64, text: &[u8], types: &[u8], scope: u64) -> StatementId {
        let id = StatementId(self.next);
        self.next = self.next.wrapping_add(1);
        let Look { facts, template } = self.look(text);
        self.bytes += text.len() + types.len();
        let (text, types) = (text.into(), types.into());
        let (users, touched) = (1, true);
        let new = Statement { text, types, facts, template, scope, hash, users, touched };
        self.by_id.insert(id, new);
        self.by_hash.insert(hash, id);
        id
    }

    /// Second chance: drops unused statements that nobody asked for since the last sweep, and all
    /// unused ones when that does not make room.
    fn sweep(&mut self) {
        self.drop_unused(|statement| !statement.touched);
        if self.unused > self.unused_max / 2 {
            self.drop_unused(|_| true);
        }
    }

    fn drop_unused(&mut self, victim: impl Fn(&Statement) -> bool) {
        let (by_hash, bytes) = (&mut self.by_hash, &mut self.bytes);
        self.by_id.retain(|id, statement| {
            if statement.users > 0 || !victim(statement) {
                statement.touched = false;
                return true;
            }
            if by_hash.get(&statement.hash) == Some(id) {
                by_hash.remove(&statement.hash);
            }
            *bytes -= statement.text.len() + statement.types.len();
            false
        });
        self.unused = self.by_id.values().filter(|s| s.users == 0).count();
    }
}

/// Which statements one server connection has prepared, bounded, least recently used first out.
#[derive(Debug, Default)]
pub struct Prepared {
    uses: HashMap<StatementId, u64, NumberHash>,
    clock: u64,
    /// The most recently used one, if it is known.
    newest: Option<StatementId>,
}

impl Prepared {
    /// Whether the statement is prepared; if so it becomes the most recently used one.
    #[inline]
    pub fn touch(&mut self, id: StatementId) -> bool {
        self.newest == Some(id) || self.touch_other(id)
    }

    fn touch_other(&mut self, id: StatementId) -> bool {
        self.clock += 1;
        let Some(used) = self.uses.get_mut(&id) else { return false };
        *used = self.clock;
        self.newest = Some(id);
        true
    }

    /// Notes a newly prepared statement. When there are more than `max` now, the least recently
    /// used other one is forgotten and returned: it is to be closed on the server.
    pub fn insert(&mut self, id: StatementId, max: u32) -> Option<StatementId> {
        self.clock += 1;
        self.uses.insert(id, self.clock);
        self.newest = Some(id);
        if self.uses.len() <= max.max(1) as usize {
            return None;
        }
        let oldest =
            self.uses.iter().filter(|&(&other, _)| other != id).min_by_key(|&(_, used)| *used);
        let oldest = oldest.map(|(&other, _)| other)?;
        self.uses.remove(&oldest);
        Some(oldest)
    }

    /// The statement was not closed after all: it is the next to go.
    pub(super) fn put_back(&mut self, id: StatementId) {
        self.uses.entry(id).or_insert(0);
    }

    /// All of `others` are prepared there as well.
    pub(super) fn put_all_back(&mut self, others: Self) {
        others.uses.into_keys().for_each(|id| self.put_back(id));
    }

    /// The statement is not prepared there after all.
    pub fn remove(&mut self, id: StatementId) {
        self.uses.remove(&id);
        self.newest = None;
    }

    /// Nothing is prepared there any more.
    pub fn clear(&mut self) {
        self.uses.clear();
        self.newest = None;
    }

    /// How many are prepared.
    #[must_use]
    pub fn len(&self) -> usize {
        self.uses.len()
    }

    /// None is prepared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.uses.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::overrides::{Override, OverrideBook};

    #[test]
    fn text_and_types_make_a_statement() {
        let mut all = Statements::new(7, 10);
        let one = all.retain(b"select $1", &[0, 0, 0, 23], 0);
        assert_eq!(all.retain(b"select $1", &[0, 0, 0, 23], 0), one);
        assert_ne!(all.retain(b"select $1", &[0, 0, 0, 25], 0), one);
        assert_ne!(all.retain(b"select $2", &[0, 0, 0, 23], 0), one);
    }

    #[test]
    fn a_changed_schema_or_search_path_makes_another_statement() {
        let mut book = OverrideBook::default();
        let mut set = |name: &str, value: &str| {
            let (name, value) = (name.as_bytes().into(), Value::Raw(value.as_bytes().into()));
            book.intern([Override { name, value }])
        };
        let none = OverrideBook::default().empty();
        let mut all = Statements::new(7, 10);
        let mut parse = |overrides: &Overrides, change: bool| {
            if change {
                all.schema_changed();
            }
            let scope = all.scope(overrides);
            all.retain(b"select * from t", b"", scope)
        };
        let plain = parse(&none, false);
        assert_eq!(parse(&none, false), plain);
        assert_eq!(parse(&set("application_name", "a"), false), plain);
        for name in ["search_path", "role", "session_authorization"] {
            let (a, b) = (parse(&set(name, "a"), false), parse(&set(name, "b"), false));
            assert!(a != plain && b != plain && a != b, "{name}");
        }
        assert_ne!(parse(&none, true), plain);
    }

    #[test]
    fn unused_statements_are_bounded() {
        let mut all = Statements::new(7, 8);
        let kept = all.retain(b"kept", b"", 0);
        for number in 0..1000 {
            let id = all.retain(format!("select {number}").as_bytes(), b"", 0);
            all.release(id);
        }
        assert!(all.len() <= 10, "{} statements", all.len());
        assert_eq!(all.retain(b"kept", b"", 0), kept);
    }

    #[test]
    fn texts_are_bounded_by_their_bytes() {
        let mut all = Statements::new(7, 8);
        all.bytes_max = 10;
        let held = all.retain(b"123456", b"", 0);
        let unused = all.retain(b"78", b"", 0);
        all.release(unused);
        assert!(all.make_room(b"90", b""), "there is room");
        assert!(all.make_room(b"abcd", b""), "the unused one goes");
        assert_eq!((all.len(), all.bytes), (1, 6));
        assert!(!all.make_room(b"abcde", b""));
        all.release(held);
        assert!(all.make_room(b"abcdefghij", b""));
    }

    #[test]
    fn a_server_connection_forgets_the_least_recently_used() {
        let mut all = Statements::new(7, 8);
        let ids: Vec<_> = [&b"a"[..], b"b", b"c"].iter().map(|t| all.retain(t, b"", 0)).collect();
        let mut prepared = Prepared::default();
        assert_eq!(prepared.insert(ids[0], 2), None);
        assert_eq!(prepared.insert(ids[1], 2), None);
        assert!(prepared.touch(ids[0]));
        assert_eq!(prepared.insert(ids[2], 2), Some(ids[1]));
        assert!(!prepared.touch(ids[1]));
        assert!(prepared.touch(ids[2]));
        prepared.remove(ids[2]);
        assert!(!prepared.touch(ids[2]));
    }

    #[test]
    fn a_name_is_written_without_allocation() {
        let check = |id, expected: &[u8]| assert_eq!(&*StatementId(id).name(), expected);
        check(0, b"weir.0");
        check(1907, b"weir.1907");
        check(u32::MAX, b"weir.4294967295");
    }

    #[test]
    fn facts_are_the_same_from_memory() {
        let mut all = Statements::new(7, 8);
        for _ in 0..2 {
            assert!(all.look(b"select 1").facts.is_plain());
            assert!(!all.look(b"begin").facts.is_plain());
        }
    }
}
