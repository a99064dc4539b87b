//! Quarantines, where clients ask for slots. Nothing here is called while there are none.

use std::time::Duration;

use weir_core::healing::{Knock, Pass, ProbeEnd, Turned};
use weir_core::ids::{ClientId, PoolId};
use weir_core::ledger::Mark;

use crate::proxy::worker::{Worker, notice};

/// A probe that holds its slot no longer is well, whatever is usual.
const WELL: Duration = Duration::from_secs(1);

/// So many times the usual is well, too.
const TIMES_USUAL: u32 = 3;

impl Worker {
    /// True when somebody is in quarantine.
    #[inline]
    pub(in crate::proxy::worker) fn has_quarantines(&self) -> bool {
        !self.healing.door.is_open()
    }

    /// Asks at the door. True when the client was refused, and told.
    pub(in crate::proxy::worker) fn turned_away(
        &mut self,
        at: u32,
        pool: PoolId,
        mark: Mark,
    ) -> bool {
        let ledger = self.pools.ledger();
        let route = ledger.class_name(mark.class);
        let knock = Knock {
            client: ClientId(at),
            pool,
            route: &route,
            fingerprint: ledger.fingerprint(mark),
            allowed: self.allowed(pool, mark),
        };
        match self.healing.door.knock(self.now, &knock) {
            Pass::Free | Pass::Probe => false,
            Pass::Turned(turned) => {
                self.pools.turned_away(mark.class);
                self.turn_away(at, &turned);
                true
            }
        }
    }

    fn turn_away(&mut self, at: u32, turned: &Turned) {
        self.refuse(at, &notice::quarantined(turned));
    }

    /// How long a probe may hold its slot and be well.
    fn allowed(&self, pool: PoolId, mark: Mark) -> Duration {
        let class = self.pools.classes(pool).find(|class| class.class == mark.class);
        let usual = class.and_then(|class| class.usual);
        let limits = &self.homes[pool.0 as usize].target.healing.limits;
        usual.map_or(limits.idle, |usual| usual * TIMES_USUAL).max(WELL)
    }

    /// A client has a slot.
    #[inline]
    pub(in crate::proxy::worker) fn probe_granted(&mut self, at: u32) {
        if self.healing.door.is_probing() {
            self.healing.door.granted(self.now, ClientId(at));
        }
    }

    /// A client has no slot any more, or will get none.
    #[inline]
    pub(in crate::proxy::worker) fn probe_ended(&mut self, at: u32, how: ProbeEnd) {
        if self.healing.door.is_probing() {
            self.healing.door.ended(self.now, ClientId(at), how);
        }
    }
}
