//! A table of bounded size with numbers for its entries.

use std::collections::HashMap;

use crate::session::NumberHash;

/// Entries with a key, at most so many. When it is full, a new entry takes the place of one that
/// nobody uses and that was not looked up lately (second chance, as page caches do): in constant
/// time amortised, whatever arrives. Keys are hashes.
#[derive(Debug)]
pub(super) struct Table<T> {
    entries: Vec<Entry<T>>,
    by_key: HashMap<u64, u32, NumberHash>,
    hand: usize,
    max: usize,
    /// Entries that gave their place to others.
    pub(super) evicted: u64,
}

#[derive(Debug)]
struct Entry<T> {
    key: u64,
    users: u32,
    touched: bool,
    value: T,
}

/// Places looked at for one new entry before it is refused one.
const SEARCH_MAX: usize = 64;

impl<T> Table<T> {
    /// A table with one entry for ever at each place of `fixed`.
    pub(super) fn new(max: usize, fixed: impl IntoIterator<Item = T>) -> Self {
        let entry = |value| Entry { key: 0, users: 1, touched: true, value };
        let entries: Vec<_> = fixed.into_iter().map(entry).collect();
        debug_assert!(entries.len() < max);
        Self { entries, by_key: HashMap::default(), hand: 0, max, evicted: 0 }
    }

    /// The place of a key, looked up lately from now on.
    #[inline]
    pub(super) fn find(&mut self, key: u64) -> Option<u32> {
        let place = *self.by_key.get(&key)?;
        self.entries[place as usize].touched = true;
        Some(place)
    }

    /// Whether a key is still at the place it had.
    #[inline]
    pub(super) fn is_at(&mut self, place: u32, key: u64) -> bool {
        self.touch(place);
        self.entries[place as usize].key == key
    }

    /// The entry at a place was looked up lately from now on.
    #[inline]
    pub(super) fn touch(&mut self, place: u32) {
        self.entries[place as usize].touched = true;
    }

    /// Puts in a key that is not there. `None` when no place can be had; otherwise its place, and
    /// what was there before.
    pub(super) fn insert(&mut self, key: u64, value: T) -> Option<(u32, Option<T>)> {
        // Not touched: what comes once goes before what comes again.
        let entry = Entry { key, users: 0, touched: false, value };
        let (place, old) = if self.entries.len() < self.max {
            self.entries.push(entry);
            (self.entries.len() - 1, None)
        } else {
            let place = self.victim()?;
            self.evicted += 1;
            (place, Some(std::mem::replace(&mut self.entries[place], entry)))
        };
        if let Some(old) = &old {
            self.by_key.remove(&old.key);
        }
        let place = u32::try_from(place).ok()?;
        self.by_key.insert(key, place);
        Some((place, old.map(|old| old.value)))
    }

    fn victim(&mut self) -> Option<usize> {
        for _ in 0..SEARCH_MAX {
            self.hand = (self.hand + 1) % self.entries.len();
            let entry = &mut self.entries[self.hand];
            if entry.users == 0 && !std::mem::take(&mut entry.touched) {
                return Some(self.hand);
            }
        }
        None
    }

    /// One user more: it stays until that one leaves.
    #[inline]
    pub(super) fn retain(&mut self, place: u32) {
        self.entries[place as usize].users += 1;
    }

    /// One user less.
    #[inline]
    pub(super) fn release(&mut self, place: u32) {
        let users = &mut self.entries[place as usize].users;
        debug_assert!(*users > 0, "place {place} has no user");
        *users = users.saturating_sub(1);
    }

    /// The entry at a place.
    #[inline]
    pub(super) fn get(&self, place: u32) -> &T {
        &self.entries[place as usize].value
    }

    /// The entry at a place.
    #[inline]
    pub(super) fn get_mut(&mut self, place: u32) -> &mut T {
        &mut self.entries[place as usize].value
    }

    /// All entries with their places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(self.entries.iter().map(|entry| &entry.value))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_gives_the_place_of_what_nobody_used_lately() {
        let mut table = Table::new(4, ["fixed"]);
        for (key, value) in [(1, "a"), (2, "b"), (3, "c")] {
            assert!(table.insert(key, value).is_some_and(|(_, old)| old.is_none()));
        }
        table.retain(1);
        let (place, old) = table.insert(4, "d").unwrap();
        assert_eq!((table.get(place), old), (&"d", Some("b")));
        assert_eq!((table.find(1), table.find(2)), (Some(1), None));
        assert_eq!((table.len(), table.evicted), (4, 1));
    }

    #[test]
    fn what_was_looked_up_lately_has_a_second_chance() {
        let mut table = Table::new(3, ["fixed"]);
        for key in 1..=2 {
            assert!(table.insert(key, "x").is_some());
        }
        assert_eq!(table.find(1), Some(1));
        assert!(table.insert(3, "y").is_some());
        assert_eq!((table.find(1), table.find(2)), (Some(1), None));
    }

    #[test]
    fn what_is_in_use_keeps_its_place() {
        let mut table = Table::new(3, ["fixed"]);
        for key in 1..=2 {
            let (place, _) = table.insert(key, "x").unwrap();
            table.retain(place);
        }
        assert_eq!(table.insert(3, "y"), None);
        table.release(2);
        assert_eq!(table.insert(3, "y"), Some((2, Some("x"))));
    }
}
