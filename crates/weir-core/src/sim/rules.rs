//! The rules, judged on the books.

use std::time::Duration;

use crate::dispatch::Claim;
use crate::ids::{ClientId, DialId, PoolId, ServerId, Ticket};
use crate::pool::{Checkout, Effect, Mode, Pools, Refusal, Rotation};
use crate::time::Instant;

use super::books::{Books, Conn, Phase, Waiting, counts_of};
use super::order::lets_somebody_in;

/// A broken rule, in words.
pub(super) type Verdict = Result<(), String>;

pub(super) fn rule(holds: bool, broken: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(broken()) }
}

/// The ledger's law: phases add up to the time that connections were open, by the pools' count
/// and by ours, and every connection is in a phase that fits its state.
pub(super) fn conserved(now: Instant, pools: &Pools, open_nanos: u128) -> Verdict {
    let ledger = pools.ledger();
    let (drift, seen) = (ledger.drift_nanos(now), ledger.open_nanos(now));
    rule(drift == 0, || format!("the phases differ by {drift} ns from the open time"))?;
    rule(seen == open_nanos, || format!("open for {seen} ns, by the books {open_nanos}"))?;
    let misbooked = pools.misbooked();
    rule(misbooked == 0, || format!("{misbooked} connections are in a phase that cannot be"))
}

impl Books {
    /// Books an answer to a checkout.
    pub(super) fn answered(
        &mut self,
        now: Instant,
        (pool, claim): (PoolId, Claim),
        answer: &Checkout,
    ) -> Verdict {
        let account = self.pools.get_mut(&pool).ok_or("a checkout from an unknown pool")?;
        let Claim { client, class, affinity, .. } = claim;
        match answer {
            Checkout::Granted(server) => self.held(now, (client, pool), *server, affinity),
            Checkout::Queued(ticket) => {
                account.waiting.push_back(Waiting { ticket: *ticket, client, class, since: now });
                let len = account.waiting.len();
                rule(len <= account.settings.queue_len_max as usize, || {
                    format!("pool {pool} lets {len} clients wait")
                })
            }
            Checkout::Refused(_) => Ok(()),
        }
    }

    /// Books an effect. `last` is what the client of a grant had before.
    pub(super) fn effect(
        &mut self,
        now: Instant,
        effect: &Effect,
        last: Option<ServerId>,
    ) -> Verdict {
        match effect {
            Effect::Grant { ticket, client, server, waited } => {
                let pool = self.conn(*server)?.pool;
                let waiting = self.leave_queue(pool, *ticket, *client)?;
                rule(now - waiting.since == *waited, || format!("{client} waited not {waited:?}"))?;
                self.held(now, (*client, pool), *server, last)
            }
            Effect::Refuse { ticket, client, refusal } => {
                self.refused(now, *ticket, *client, refusal)
            }
            Effect::Dial { dial, pool } => self.dialled(now, *dial, *pool),
            Effect::AbandonDial { dial } => {
                self.moved(ServerId(dial.0), Phase::Abandoned, |from| from == Phase::Dialling)
            }
            Effect::Close { server, .. } => self.moved(*server, Phase::Closing, |from| {
                matches!(from, Phase::Free(_) | Phase::Settling | Phase::Checking)
            }),
            Effect::Check { server } => {
                self.moved(*server, Phase::Checking, |from| matches!(from, Phase::Free(_)))
            }
            Effect::Paused { pool } => {
                self.set_mode(*pool, Mode::Paused)?;
                self.is_empty(*pool)
            }
            Effect::Forgotten { pool } => {
                self.is_empty(*pool)?;
                self.pools.remove(pool).map(drop).ok_or_else(|| format!("no pool {pool}"))
            }
            Effect::Drained => rule(self.conns.is_empty(), || "drained too early".to_owned()),
        }
    }

    /// What must hold after every input and its effects.
    pub(super) fn audit(&self, now: Instant, pools: &Pools, ticked: bool) -> Verdict {
        for &budget in self.budgets.keys() {
            let (seen, booked) = (pools.budget(budget).used, self.used(budget));
            rule(seen == booked, || format!("budget {budget} shows {seen}, has {booked}"))?;
        }
        for (&pool, account) in &self.pools {
            let (seen, booked) = (counts_of(&pools.view(pool)), self.counts(pool));
            rule(seen == booked, || format!("pool {pool} shows {seen:?}, has {booked:?}"))?;
            self.classes_agree(pools, pool)?;
            let idle = self.fresh(now, pool, None);
            let waits = account.mode == Mode::Running && lets_somebody_in(pools, pool);
            rule(!waits || idle == 0, || {
                format!("pool {pool}: clients wait while {idle} connections idle")
            })?;
            let late = account.waiting.iter().find(|waiting| account.is_late(waiting, now));
            rule(!ticked || late.is_none(), || format!("{late:?} waits beyond its deadline"))?;
            self.backed_off(now, pool)?;
        }
        let spins = ticked && pools.deadline().is_some_and(|due| due <= now);
        rule(!spins, || "a tick leaves itself due".to_owned())
    }

    /// The dials of a pool in the present outage are as few as the back-off promises.
    fn backed_off(&self, now: Instant, pool: PoolId) -> Verdict {
        let account = &self.pools[&pool];
        let Some(since) = account.outage_since else { return Ok(()) };
        let limit = Self::dials_max(account, now - since);
        rule(account.outage_dials <= limit, || {
            let dials = account.outage_dials;
            format!("pool {pool} dials {dials} times in {:?}, limit {limit}", now - since)
        })
    }

    pub(super) fn conn(&self, server: ServerId) -> Result<&Conn, String> {
        self.conns.get(&server.0).ok_or_else(|| format!("no connection {server}"))
    }

    /// Moves a connection on, if it was where it had to be.
    pub(super) fn moved(
        &mut self,
        server: ServerId,
        to: Phase,
        may: impl FnOnce(Phase) -> bool,
    ) -> Verdict {
        let conn = self.conns.get_mut(&server.0).ok_or("an unknown connection moves")?;
        let from = std::mem::replace(&mut conn.phase, to);
        rule(may(from), || format!("connection {server} goes from {from:?} to {to:?}"))
    }

    pub(super) fn set_mode(&mut self, pool: PoolId, mode: Mode) -> Verdict {
        let account = self.pools.get_mut(&pool).ok_or("an unknown pool changes its mode")?;
        match account.mode {
            Mode::Running | Mode::Pausing | Mode::Paused => account.mode = mode,
            Mode::Removing | Mode::Stopping | Mode::Forgotten => {}
        }
        Ok(())
    }

    fn is_empty(&self, pool: PoolId) -> Verdict {
        let open = self.open(pool);
        rule(open == 0, || format!("pool {pool} is done with {open} slots taken"))
    }

    fn held(
        &mut self,
        now: Instant,
        (client, pool): (ClientId, PoolId),
        server: ServerId,
        last: Option<ServerId>,
    ) -> Verdict {
        let account = &self.pools[&pool];
        let mode = account.mode;
        rule(mode == Mode::Running, || format!("pool {pool} grants while {mode:?}"))?;
        let rotates = account.settings.rotation == Rotation::EveryTransaction;
        let again = rotates && last == Some(server) && self.fresh(now, pool, last) > 0;
        rule(!again, || format!("client {client} gets {server} again while another is idle"))?;
        let home = self.conn(server)?.pool;
        rule(home == pool, || format!("{client} of pool {pool} gets {server} of pool {home}"))?;
        self.moved(server, Phase::Held(client), |from| matches!(from, Phase::Free(_)))
    }

    /// Takes a client off a queue, which must have that ticket.
    fn leave_queue(
        &mut self,
        pool: PoolId,
        ticket: Ticket,
        client: ClientId,
    ) -> Result<Waiting, String> {
        let account = self.pools.get_mut(&pool).ok_or("a grant in an unknown pool")?;
        let at = account.waiting.iter().position(|one| one.ticket == ticket);
        let gone = at.and_then(|at| account.waiting.remove(at)).ok_or("a grant to nobody")?;
        rule(gone.client == client, || format!("client {client} uses a place of {gone:?}"))?;
        Ok(gone)
    }

    fn refused(
        &mut self,
        now: Instant,
        ticket: Ticket,
        client: ClientId,
        why: &Refusal,
    ) -> Verdict {
        let pool = self.pool_of(ticket).ok_or_else(|| format!("client {client} does not wait"))?;
        let head = self.leave_queue(pool, ticket, client)?;
        let due = self.pools[&pool].is_late(&head, now);
        rule(!matches!(why, Refusal::WaitLimit { .. }) || due, || {
            format!("client {client} is refused before its deadline")
        })?;
        let soon = now - head.since < Duration::from_millis(100);
        rule(!matches!(why, Refusal::Overload(_)) || !soon, || {
            format!("client {client} is refused as soon as it waits")
        })
    }

    fn dialled(&mut self, now: Instant, dial: DialId, pool: PoolId) -> Verdict {
        self.serials += 1;
        let serial = self.serials;
        let conn = Conn { pool, phase: Phase::Dialling, opened: now, serial };
        let taken = self.conns.insert(dial.0, conn);
        rule(taken.is_none(), || format!("dial {dial} has the number of {taken:?}"))?;
        let account = self.pools.get_mut(&pool).ok_or("a dial for an unknown pool")?;
        account.outage_dials += u32::from(account.outage_since.is_some());
        let (ceiling, budgets, mode) =
            (account.ceiling(now), account.budgets.clone(), account.mode);
        rule(mode == Mode::Running, || format!("pool {pool} dials while {mode:?}"))?;
        let open = self.open(pool);
        rule(open <= ceiling, || format!("pool {pool} takes {open} slots of {ceiling}"))?;
        budgets.into_iter().try_for_each(|budget| {
            let (used, slots) = (self.used(budget), self.budgets[&budget]);
            rule(used <= slots, || format!("budget {budget} gives {used} slots of {slots}"))
        })
    }
}
