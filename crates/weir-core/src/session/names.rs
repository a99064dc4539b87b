//! What a client's statement names mean, and how a change of them is taken back when the server
//! skips the message that made it.
//!
//! A Parse or Close changes the names when it is sent, because the next message may use them. The
//! change is noted until its reply has come. When a pipeline fails, the changes behind the failure
//! are taken back, newest first.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use crate::session::hash::TextHash;
use crate::session::statements::{StatementId, Statements};

/// A client's names for statements. Holds a use of each statement it mentions.
#[derive(Debug)]
pub(super) struct Names {
    meant: Meanings,
    /// Changes whose replies have not come, oldest first.
    undo: VecDeque<Before>,
    /// Names whose second Parse the server is going to refuse, oldest first.
    taken: VecDeque<Box<[u8]>>,
    /// What `DEALLOCATE ALL`, which has been sent, will have closed.
    aside: Vec<(Box<[u8]>, StatementId)>,
    /// How many `DEALLOCATE ALL` (or `DISCARD ALL`) have been sent and not been answered.
    forgetting: u32,
    /// The name that was looked up last.
    last: Option<Last>,
}

/// The longest name that is held against the next one.
const LAST_LEN_MAX: usize = 19;

/// A name and its meaning: most clients use one name many times.
#[derive(Debug, Clone, Copy)]
struct Last {
    name: [u8; LAST_LEN_MAX],
    len: u8,
    id: StatementId,
}

impl Last {
    fn new(name: &[u8], id: StatementId) -> Option<Self> {
        let mut bytes = [0; LAST_LEN_MAX];
        bytes.get_mut(..name.len())?.copy_from_slice(name);
        Some(Self { name: bytes, len: u8::try_from(name.len()).ok()?, id })
    }

    #[inline]
    fn is(&self, name: &[u8]) -> bool {
        name.len() == usize::from(self.len) && *name == self.name[..name.len()]
    }
}

type Meanings = HashMap<Box<[u8]>, StatementId, TextHash>;

/// How a name was before a Parse or Close.
#[derive(Debug)]
struct Before {
    name: Box<[u8]>,
    meant: Option<StatementId>,
}

impl Names {
    /// No names. `seed` keys their hashes.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            meant: Meanings::with_hasher(TextHash(seed)),
            undo: VecDeque::new(),
            taken: VecDeque::new(),
            aside: Vec::new(),
            forgetting: 0,
            last: None,
        }
    }

    /// What [`Self::get`] gives, by a comparison when it is the name of the last time.
    #[inline]
    pub(super) fn find(&mut self, name: &[u8]) -> Option<StatementId> {
        match &self.last {
            Some(last) if last.is(name) => Some(last.id),
            Some(_) | None => self.find_other(name),
        }
    }

    fn find_other(&mut self, name: &[u8]) -> Option<StatementId> {
        let id = self.get(name)?;
        self.last = Last::new(name, id);
        Some(id)
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<StatementId> {
        self.meant.get(name).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.meant.len()
    }

    /// A Parse gives `name` a meaning; it had none.
    pub(super) fn define(&mut self, name: &[u8], id: StatementId) {
        self.meant.insert(name.into(), id);
        self.undo.push_back(Before { name: name.into(), meant: None });
    }

    /// A Close takes a name's meaning away. Returns whether it had one.
    pub(super) fn close(&mut self, name: &[u8]) -> bool {
        self.last = None;
        let Some((name, id)) = self.meant.remove_entry(name) else { return false };
        self.undo.push_back(Before { name, meant: Some(id) });
        true
    }

    /// The oldest change has come true.
    pub(super) fn confirm(&mut self, all: &mut Statements) {
        if let Some(Before { meant: Some(id), .. }) = self.undo.pop_front() {
            all.release(id);
        }
    }

    /// Takes a name's meaning away for good. Returns what it was.
    pub(super) fn remove(&mut self, name: &[u8]) -> Option<StatementId> {
        self.last = None;
        self.meant.remove(name)
    }

    /// The oldest `count` changes did not happen.
    pub(super) fn take_back(&mut self, count: usize, all: &mut Statements) {
        self.last = None;
        let later = self.undo.split_off(count.min(self.undo.len()));
        let failed = std::mem::replace(&mut self.undo, later);
        for before in failed.into_iter().rev() {
            // A newer change of the same name stands: what it found is what this one found.
            let newer = self.undo.iter_mut().find(|other| other.name == before.name);
            let dropped = match newer {
                Some(newer) => std::mem::replace(&mut newer.meant, before.meant),
                None => self.restore(before),
            };
            dropped.into_iter().for_each(|id| all.release(id));
        }
    }

    fn restore(&mut self, before: Before) -> Option<StatementId> {
        if let Some(at) = self.aside.iter().position(|(name, _)| *name == before.name) {
            let (name, id) = self.aside.swap_remove(at);
            self.aside.extend(before.meant.map(|meant| (name, meant)));
            return Some(id);
        }
        match before.meant {
            Some(id) => self.meant.insert(before.name, id),
            None => self.meant.remove(&before.name),
        }
    }

    /// The server is made to refuse a second Parse of this name.
    pub(super) fn refuse(&mut self, name: &[u8]) {
        self.taken.push_back(name.into());
    }

    /// The oldest such Parse has been refused, or skipped. Returns the name.
    pub(super) fn refused(&mut self) -> Box<[u8]> {
        self.taken.pop_front().unwrap_or_default()
    }

    /// `DEALLOCATE ALL` has been sent: all names are closed from now on, if it succeeds.
    pub(super) fn set_aside(&mut self) {
        self.last = None;
        self.forgetting += 1;
        self.aside.extend(self.meant.drain());
    }

    /// A `DEALLOCATE ALL` has succeeded.
    pub(super) fn forget(&mut self, all: &mut Statements) {
        self.last = None;
        if self.forgetting == 0 {
            self.aside.extend(self.meant.drain());
        }
        self.forgetting = self.forgetting.saturating_sub(1);
        self.aside.drain(..).for_each(|(_, id)| all.release(id));
    }

    /// Nothing is under way any more: a `DEALLOCATE ALL` that was not answered has failed.
    pub(super) fn remember(&mut self, all: &mut Statements) {
        self.forgetting = 0;
        for (name, id) in self.aside.drain(..) {
            match self.meant.entry(name) {
                Entry::Occupied(_) => all.release(id),
                Entry::Vacant(free) => {
                    free.insert(id);
                }
            }
        }
    }

    /// Gives all statements back.
    pub(super) fn end(self, all: &mut Statements) {
        let undo = self.undo.into_iter().filter_map(|before| before.meant);
        let aside = self.aside.into_iter().map(|(_, id)| id);
        self.meant.into_values().chain(undo).chain(aside).for_each(|id| all.release(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> (Names, Statements, [StatementId; 2]) {
        let mut all = Statements::new(7, 8);
        let ids = [all.retain(b"one", b"", 0), all.retain(b"two", b"", 0)];
        (Names::new(7), all, ids)
    }

    #[test]
    fn changes_are_taken_back_newest_first() {
        let (mut names, mut all, [one, two]) = two();
        names.define(b"s", one);
        names.confirm(&mut all);
        assert!(names.close(b"s"));
        names.define(b"s", two);
        names.take_back(2, &mut all);
        assert_eq!(names.get(b"s"), Some(one));
        names.end(&mut all);
        assert_eq!(all.users(), 0);
    }

    #[test]
    fn the_name_of_the_last_time_is_forgotten_with_its_meaning() {
        let (mut names, mut all, [one, two]) = two();
        names.define(b"s", one);
        names.confirm(&mut all);
        for _ in 0..2 {
            assert_eq!(names.find(b"s"), Some(one));
            assert_eq!((names.find(b"t"), names.find(&[b's'; 40])), (None, None));
        }
        assert!(names.close(b"s"));
        assert_eq!(names.find(b"s"), None);
        names.define(b"s", two);
        assert_eq!(names.find(b"s"), Some(two));
        names.take_back(2, &mut all);
        assert_eq!(names.find(b"s"), Some(one));
        names.set_aside();
        assert_eq!(names.find(b"s"), None);
        names.remember(&mut all);
        assert_eq!(names.find(b"s"), Some(one));
        assert_eq!(names.remove(b"s"), Some(one));
        assert_eq!(names.find(b"s"), None);
        all.release(one);
        names.define(b"s", two);
        assert_eq!(names.find(b"s"), Some(two));
        names.forget(&mut all);
        assert_eq!(names.find(b"s"), None);
        names.end(&mut all);
    }

    #[test]
    fn a_later_change_stands() {
        let (mut names, mut all, [one, two]) = two();
        names.define(b"s", one);
        names.confirm(&mut all);
        names.close(b"s");
        names.define(b"s", two);
        names.take_back(1, &mut all);
        assert_eq!(names.get(b"s"), Some(two));
        names.take_back(1, &mut all);
        assert_eq!(names.get(b"s"), Some(one));
        names.end(&mut all);
        assert_eq!(all.users(), 0);
    }

    #[test]
    fn deallocate_all_is_undone_when_it_fails() {
        let (mut names, mut all, [one, two]) = two();
        names.define(b"a", one);
        names.confirm(&mut all);
        names.set_aside();
        assert_eq!(names.get(b"a"), None);
        names.remember(&mut all);
        assert_eq!(names.get(b"a"), Some(one));
        names.set_aside();
        names.define(b"b", two);
        names.forget(&mut all);
        assert_eq!((names.get(b"a"), names.get(b"b")), (None, Some(two)));
        names.end(&mut all);
        assert_eq!(all.users(), 0);
    }
}
