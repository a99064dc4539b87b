//! The classes there are: a bounded table of names, and the ladder that finds one for a statement.

use std::sync::Arc;

use weir_wire::sql::{Attribution, templated};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::class::{Class, ClassKind, ClassSums};
use super::table::Table;
use crate::config::limits::LEDGER_CLASSES;
use crate::ids::ClassId;

/// The place of the class that is nobody's.
pub(super) const NOBODY: u32 = 0;

/// The place of what found no place.
pub(super) const OTHER: u32 = 1;

/// A class as it was when it was looked up; it may have given its place to another since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ClassRef {
    place: u32,
    serial: u64,
}

impl ClassRef {
    /// Where it was. Nothing may have been added since.
    pub(super) const fn place(self) -> u32 {
        self.place
    }
}

/// What is known of a client beside what it says: the lower steps of the ladder.
///
/// The route of a statement is that of its tag; else the client's application name; else its user,
/// if other users share the pool; else the statements of its transaction.
#[derive(Debug, Clone)]
pub struct Caller {
    kind: ClassKind,
    label: Arc<str>,
    class: ClassRef,
}

impl Caller {
    /// A client that calls itself `application` (which may be empty) and logged in as `user`, in
    /// a pool whose server connections belong to `pool_user`.
    #[must_use]
    pub fn new(application: &str, user: &str, pool_user: &str) -> Self {
        let (kind, label) = if !application.is_empty() {
            (ClassKind::Application, templated(application))
        } else if user == pool_user {
            (ClassKind::Shape, "".into())
        } else {
            (ClassKind::User, user.into())
        };
        Self { kind, label: label.as_ref().into(), class: ClassRef::default() }
    }
}

/// A hash of the end user, the same in every worker and proxy. Never 0, which means nobody.
pub(super) fn user_hash(user: &str) -> u32 {
    let hash = xxh3_64_with_seed(user.as_bytes(), 0) >> 32;
    u32::try_from(hash).map_or(1, |hash| hash.max(1))
}

/// All classes of a ledger.
#[derive(Debug)]
pub(super) struct Names {
    table: Table<Class>,
    seed: u64,
    serial: u64,
}

impl Names {
    pub(super) fn new(seed: u64) -> Self {
        let fixed = |kind: ClassKind, serial| Class {
            label: kind.as_str().into(),
            kind,
            serial,
            sums: ClassSums::default(),
            waiting: 0,
        };
        let fixed = [fixed(ClassKind::Nobody, 0), fixed(ClassKind::Other, 1)];
        Self { table: Table::new(LEDGER_CLASSES, fixed), seed, serial: 1 }
    }

    /// The class that the tags of a text name, if they name one.
    pub(super) fn tagged(&mut self, text: &[u8]) -> Option<ClassRef> {
        let said = Attribution::from_text(text);
        let place = match (said.label(), &said.application) {
            (Some(label), _) if !label.is_empty() => self.intern(ClassKind::Tag, &label),
            (_, Some(name)) => self.intern(ClassKind::Application, &templated(name)),
            (_, None) => return None,
        };
        Some(self.reference(place))
    }

    /// The class of a statement without tags, by what is known of its client.
    #[inline]
    pub(super) fn of_caller(
        &mut self,
        caller: &mut Caller,
        shape: impl FnOnce(&mut Self) -> u32,
    ) -> u32 {
        if caller.kind == ClassKind::Shape {
            return shape(self);
        }
        if let Some(place) = self.resolve(caller.class) {
            return place;
        }
        let place = self.intern(caller.kind, &caller.label);
        caller.class = self.reference(place);
        place
    }

    /// The class of transactions with these statements; `describe` gives it its name when it is
    /// new.
    #[inline]
    pub(super) fn of_shape(&mut self, shape: u64, describe: impl FnOnce() -> String) -> u32 {
        let key = xxh3_64_with_seed(&shape.to_le_bytes(), self.seed);
        if let Some(place) = self.table.find(key) {
            return place;
        }
        self.add(key, ClassKind::Shape, describe().into())
    }

    /// The class of that name, known or new.
    fn intern(&mut self, kind: ClassKind, label: &str) -> u32 {
        let key = xxh3_64_with_seed(label.as_bytes(), self.seed ^ (kind as u64 + 1));
        match self.table.find(key) {
            Some(place) if *self.table.get(place).label == *label => place,
            // Two names with one hash: the later one has no place.
            Some(_) => OTHER,
            None => self.add(key, kind, label.into()),
        }
    }

    fn add(&mut self, key: u64, kind: ClassKind, label: Arc<str>) -> u32 {
        let serial = self.serial + 1;
        let class = Class { label, kind, serial, sums: ClassSums::default(), waiting: 0 };
        let Some((place, old)) = self.table.insert(key, class) else { return OTHER };
        self.serial = serial;
        if let Some(old) = old {
            let other = &mut self.get_mut(OTHER).sums;
            *other = other.plus(&old.sums);
        }
        place
    }

    fn reference(&self, place: u32) -> ClassRef {
        ClassRef { place, serial: self.get(place).serial }
    }

    /// The place of a class that still has it; it was looked up lately from now on.
    #[inline]
    pub(super) fn resolve(&mut self, class: ClassRef) -> Option<u32> {
        let known = class.place != NOBODY && self.table.get(class.place).serial == class.serial;
        if known {
            self.table.touch(class.place);
        }
        known.then_some(class.place)
    }

    /// The place of a class; that of the rest for one that was not named here.
    #[inline]
    pub(super) fn known(&self, class: ClassId) -> u32 {
        if (class.0 as usize) < self.table.len() { class.0 } else { OTHER }
    }

    #[inline]
    pub(super) fn get(&self, place: u32) -> &Class {
        self.table.get(place)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, place: u32) -> &mut Class {
        self.table.get_mut(place)
    }

    /// One user more. Nobody's class stays without.
    #[inline]
    pub(super) fn retain(&mut self, place: u32) {
        if place != NOBODY {
            self.table.retain(place);
        }
    }

    /// One user less.
    #[inline]
    pub(super) fn release(&mut self, place: u32) {
        if place != NOBODY {
            self.table.release(place);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Class)> {
        self.table.iter()
    }

    /// How many gave their place to others.
    #[inline]
    pub(super) const fn evicted(&self) -> u64 {
        self.table.evicted
    }

    /// How many there are, and how many gave their place to others.
    pub(super) fn counts(&self) -> (usize, u64) {
        (self.table.len(), self.table.evicted)
    }
}
