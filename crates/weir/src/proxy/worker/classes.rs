//! Which route belongs to which class of an operator: looked up when a class is first seen in a
//! pool, and after a reload.

use weir_core::config::settings::ClassEntry;
use weir_core::ids::{ClassId, PoolId};

use crate::proxy::worker::Worker;

/// The serial number of a class that was never seen.
const UNSEEN: u64 = u64::MAX;

impl Worker {
    /// A class asks for a slot of a pool.
    #[inline]
    pub(super) fn introduce(&mut self, pool: PoolId, class: ClassId) {
        let seen = self.homes[pool.0 as usize].introduced.get(class.0 as usize);
        if seen != Some(&self.pools.ledger().class_serial(class)) {
            self.look_up(pool, class);
        }
    }

    /// The configuration of classes may have changed.
    pub(super) fn introduce_again(&mut self, pool: PoolId) {
        self.pools.lift_groups(self.now, pool);
        let seen = std::mem::take(&mut self.homes[pool.0 as usize].introduced);
        for (class, _) in (0..).zip(seen).filter(|&(_, serial)| serial != UNSEEN) {
            self.look_up(pool, ClassId(class));
        }
    }

    #[cold]
    fn look_up(&mut self, pool: PoolId, class: ClassId) {
        let home = &mut self.homes[pool.0 as usize];
        let ledger = self.pools.ledger();
        let at = class.0 as usize;
        if home.introduced.len() <= at {
            home.introduced.resize(at + 1, UNSEEN);
        }
        let serial = ledger.class_serial(class);
        let before = std::mem::replace(&mut home.introduced[at], serial);
        let found = home.target.classes.find(ledger.class_kind(class), &ledger.class_name(class));
        let group = found.map(|ClassEntry { name, rules, .. }| (name, *rules));
        if before != UNSEEN && before != serial {
            self.pools.renamed(pool, class);
        }
        self.pools.assign(self.now, pool, class, group);
    }
}
