//! Waiting clients: one arena for all pools of a worker. Each is in the list of its pool, in the
//! order of arrival, and in the list of its class.

use crate::arena::{Arena, Chain, List};
use crate::ids::{PoolId, Ticket};
use crate::time::Instant;

use super::claim::Claim;
use super::queue::Place;

/// Bits of a ticket that name the entry; the others count how often the entry was used, which
/// takes 34 years to run out at a thousand uses of one entry a second.
const INDEX_BITS: u32 = 24;

/// Most clients that can wait in all pools of one worker.
const WAITING_MAX: usize = 1 << INDEX_BITS;

/// One waiting client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waiter {
    /// How often this entry was vacated; makes tickets unique.
    uses: u64,
    /// Counts arrivals over all pools, so that those of one moment have an order.
    pub(crate) turn: u64,
    pub(crate) pool: PoolId,
    pub(crate) claim: Claim,
    /// The claim's class in the dispatch of its pool.
    pub(crate) place: Place,
    pub(crate) since: Instant,
}

/// All waiting clients of one worker.
#[derive(Debug)]
pub(crate) struct Waiters {
    arena: Arena<Waiter>,
    classes: Chain,
    turns: u64,
}

impl Waiters {
    pub(crate) const fn new() -> Self {
        Self { arena: Arena::new(), classes: Chain::new(), turns: 0 }
    }

    /// True when no more clients can wait, whatever the pools allow.
    pub(crate) fn is_full(&self) -> bool {
        self.arena.used() >= WAITING_MAX
    }

    /// Puts a client at the end of the list of its pool and that of its class.
    pub(super) fn push(
        &mut self,
        (arrivals, class): (&mut List, &mut List),
        (pool, place): (PoolId, Place),
        claim: Claim,
        since: Instant,
    ) -> Ticket {
        self.turns += 1;
        let mut waiter = Waiter { uses: 0, turn: self.turns, pool, claim, place, since };
        let index = match self.arena.reuse() {
            Some(index) => {
                waiter.uses = self.arena[index].uses;
                self.arena[index] = waiter;
                index
            }
            None => self.arena.grow(waiter),
        };
        self.arena.link_back(arrivals, index);
        self.classes.link_back(class, index);
        self.ticket(index)
    }

    /// Where the holder of `ticket` waits, if it still does.
    pub(crate) fn find(&self, ticket: Ticket) -> Option<u32> {
        let index = u32::try_from(ticket.0 & (WAITING_MAX as u64 - 1)).ok()?;
        self.arena.get(index)?;
        (self.ticket(index) == ticket).then_some(index)
    }

    /// Takes a client out of both lists.
    pub(super) fn remove(
        &mut self,
        (arrivals, class): (&mut List, &mut List),
        index: u32,
    ) -> (Ticket, Waiter) {
        let removed = (self.ticket(index), self.arena[index]);
        self.classes.unlink(class, index);
        self.arena.unlink(arrivals, index);
        self.arena[index].uses += 1;
        self.arena.vacate(index);
        removed
    }

    /// The client that waits at `index`.
    pub(crate) fn at(&self, index: u32) -> &Waiter {
        &self.arena[index]
    }

    /// The client of the same class that came before the one at `index`.
    pub(super) fn before(&self, index: u32) -> Option<u32> {
        self.classes.before(index)
    }

    /// The client of the same class that came after the one at `index`.
    pub(super) fn after(&self, index: u32) -> Option<u32> {
        self.classes.after(index)
    }

    /// The clients of one pool, the oldest first.
    pub(crate) fn iter(&self, arrivals: &List) -> impl Iterator<Item = &Waiter> {
        self.arena.iter(arrivals).map(|(_, waiter)| waiter)
    }

    fn ticket(&self, index: u32) -> Ticket {
        Ticket(self.arena[index].uses << INDEX_BITS | u64::from(index))
    }
}
