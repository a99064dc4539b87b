//! The healing ladder at work: ten times a second, while somebody waits for a slot,
//! [`weir_core::healing`] is told who holds the slots and says what to do about it.
//!
//! | file | job |
//! | --- | --- |
//! | `holders` | who holds the slots, and what shields them |
//! | `act` | decisions, done |
//! | `door` | quarantines, where clients ask for slots |
//! | `signs` | what the dispatch does by itself, for the records |
//! | `orders` | what operators order |
//! | `tell` | the log, and what the console asks |

mod act;
mod door;
mod holders;
mod orders;
mod signs;
mod tell;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use weir_core::dispatch::ClassView;
use weir_core::healing::{Door, Exempted, Healer, Holder, Scene};
use weir_core::ids::{ClassId, PoolId};
use weir_core::pool::Pressure;
use weir_core::time::Instant;

use crate::proxy::worker::Worker;
use signs::Signalled;

/// What a worker knows of healing.
#[derive(Debug, Default)]
pub(super) struct Healing {
    healer: Healer,
    door: Door,
    /// What operators exempted.
    exempted: BTreeSet<Exempted>,
    signalled: HashMap<(PoolId, ClassId), Signalled>,
    /// When the log had the summary.
    summed_up: Instant,
}

impl Healing {
    /// An operator froze everything.
    pub(super) fn is_frozen(&self) -> bool {
        self.healer.guard.is_frozen()
    }

    /// A pool is no more.
    pub(super) fn forget(&mut self, pool: PoolId) {
        self.healer.forget(pool);
        self.door.forget(pool);
        self.signalled.retain(|(of, _), _| *of != pool);
    }
}

impl Worker {
    /// Looks at the pools in which somebody waits, or of which the effect of something is to be
    /// measured.
    pub(super) fn heal(&mut self) {
        if !self.healing.door.is_open() {
            self.healing.door.look(self.now);
        }
        let curious = self.healing.healer.is_curious();
        let pressed = |&pool: &PoolId| (pool, self.pools.pressure(pool));
        let all = self.by_key.values().map(pressed);
        let looked: Vec<_> = all.filter(|(_, of)| curious || of.waiting > 0).collect();
        if !looked.is_empty() {
            let mut holders = self.slot_holders();
            for (pool, pressure) in looked {
                let all = holders.remove(&pool).unwrap_or_default();
                self.heal_pool(pool, pressure, &all);
            }
        }
        self.tell_news();
    }

    fn heal_pool(&mut self, pool: PoolId, pressure: Pressure, holders: &[Holder]) {
        let rules = Arc::clone(&self.homes[pool.0 as usize].target.healing);
        let classes = self.classes_in_want(pool, pressure);
        let scene = Scene { classes: classes.as_ref(), ..self.scene(pool, pressure, holders) };
        self.signal(scene, &rules);
        let mut healer = std::mem::take(&mut self.healing.healer);
        let decisions = healer.consider(self.now, scene, &rules, |holder| {
            (self.options.incidents.number(), holder.map(|one| self.who(one)).unwrap_or_default())
        });
        self.healing.healer = healer;
        for decision in decisions {
            self.act(pool, decision);
        }
    }

    fn scene<'see>(
        &self,
        pool: PoolId,
        pressure: Pressure,
        holders: &'see [Holder],
    ) -> Scene<'see> {
        let oldest = pressure.since.map(|since| self.now.since(since)).unwrap_or_default();
        Scene { pool, holders, waiting: pressure.waiting, oldest, classes: None }
    }

    /// The classes that wait, when only limits of their own keep them waiting.
    fn classes_in_want(&self, pool: PoolId, pressure: Pressure) -> Option<BTreeSet<Arc<str>>> {
        if pressure.eligible > 0 || pressure.waiting == 0 {
            return None;
        }
        let waiting = self.pools.classes(pool).filter(|class| class.waiting > 0);
        Some(waiting.map(|class| self.class_label(&class)).collect())
    }

    /// What an operator calls a class, else its name in the ledger.
    fn class_label(&self, view: &ClassView) -> Arc<str> {
        view.group.clone().unwrap_or_else(|| self.pools.ledger().class_name(view.class))
    }
}
