//! What the pools decided, done.

use std::sync::Arc;

use weir_core::ids::{ClassId, ClientId, PoolId, ServerId, Ticket};
use weir_core::pool::{Checkout, Claim, CloseReason, Effect, Refusal};
use weir_core::session::{Ask, Session};
use weir_core::time::nanos;
use weir_wire::build;

use crate::proxy::mail::FromWorker;
use crate::proxy::worker::Worker;
use crate::proxy::worker::state::{Holder, Stage};

impl Worker {
    /// Performs everything the pools have decided, and what follows from it. Effects of effects
    /// are performed by the outermost call, in order.
    #[inline]
    pub(super) fn perform_effects(&mut self) {
        if self.pools.has_effects() || !self.resumes.is_empty() {
            self.perform_all();
        }
    }

    fn perform_all(&mut self) {
        if std::mem::replace(&mut self.performing, true) {
            return;
        }
        loop {
            while let Some(effect) = self.pools.poll_effect() {
                self.perform(effect);
            }
            // Only now: whoever waits goes before a client that had its turn.
            match self.resumes.pop_front() {
                Some(at) => self.resume_client(at),
                None => break,
            }
        }
        self.performing = false;
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Grant { ticket, client, server, waited } => {
                self.granted(ticket, client.0, server, waited);
            }
            Effect::Refuse { ticket, client, refusal } => self.refused(ticket, client.0, &refusal),
            Effect::Dial { dial, pool } => {
                let spec = self.homes[pool.0 as usize].target.dial.clone();
                let worker = self.options.index;
                // The login threads outlive the workers.
                let _ = self.requests.send(FromWorker::Dial { worker, dial, spec });
            }
            // The attempt ends by its own time limit; its answer is awaited.
            Effect::AbandonDial { .. } => {}
            Effect::Close { server, why } => self.close_server(server, why),
            Effect::Check { server } => self.check(server),
            Effect::Paused { pool } => self.paused(pool),
            Effect::Forgotten { pool } => {
                // The id will name another pool: nobody may be left who means this one.
                self.dismiss(pool, |_| true);
                let target = Arc::clone(&self.homes[pool.0 as usize].target);
                self.retire_budgets(&target.shares);
                self.homes[pool.0 as usize].lent = None;
                self.healing.forget(pool);
            }
            Effect::Drained => self.drained = true,
        }
    }

    fn granted(&mut self, ticket: Ticket, at: u32, server: ServerId, waited: std::time::Duration) {
        let Some(client) = self.clients.get_mut(at).filter(|c| c.ticket == Some(ticket)) else {
            // The client left while its grant was on the way.
            self.pools.release(self.now, server, weir_core::pool::Release::Reusable);
            return;
        };
        client.ticket = None;
        let wait_ns = nanos(waited);
        let home = &mut self.homes[client.pool.0 as usize];
        home.traffic.wait_ns += wait_ns;
        home.waits.record(waited);
        if client.stage == Stage::Greeting {
            self.pools.release(self.now, server, weir_core::pool::Release::Reusable);
            self.greet(at, Vec::new());
            return;
        }
        self.link(at, server);
        self.offer_parked(at);
    }

    fn refused(&mut self, ticket: Ticket, at: u32, refusal: &Refusal) {
        let Some(client) = self.clients.get_mut(at).filter(|c| c.ticket == Some(ticket)) else {
            return;
        };
        client.ticket = None;
        let waited = self.now.since(client.waiting_since);
        let home = &mut self.homes[client.pool.0 as usize];
        home.traffic.wait_ns += nanos(waited);
        let greeting = client.stage == Stage::Greeting;
        let notice = self.refusal(at, refusal);
        if greeting || matches!(refusal, Refusal::Stopping | Refusal::Removed) {
            self.farewell(at, &notice);
            return;
        }
        self.refuse(at, &notice);
        self.resume_client(at);
    }

    /// Gets a server connection for a client that cannot be greeted yet.
    pub(super) fn checkout_for_greeting(&mut self, at: u32) {
        let Some(client) = self.clients.get_mut(at) else { return };
        let claim = Claim { client: ClientId(at), class: ClassId(0), affinity: None, user: 0 };
        match self.pools.checkout(self.now, client.pool, claim) {
            Checkout::Granted(server) => {
                self.pools.release(self.now, server, weir_core::pool::Release::Reusable);
                self.greet(at, Vec::new());
            }
            Checkout::Queued(ticket) => {
                client.ticket = Some(ticket);
                client.waiting_since = self.now;
                client.told_to_wait = false;
            }
            Checkout::Refused(refusal) => {
                let notice = self.refusal(at, &refusal);
                self.farewell(at, &notice);
            }
        }
    }

    fn close_server(&mut self, id: ServerId, why: CloseReason) {
        if let Some(mut server) = self.servers.take(id.0) {
            let mut goodbye = Vec::new();
            build::terminate(&mut goodbye);
            server.socket.send(&mut self.driver, &goodbye);
            server.socket.close(&mut self.driver);
            tracing::debug!(backend = server.key.pid, ?why, "server connection closed");
            self.forget_cancel(id.0);
            if let Holder::Ghost { mut session, .. } = server.holder {
                session.end(&mut self.shared);
            }
        }
        self.pools.closed(self.now, id);
    }

    /// Asks an idle server connection whether it is well.
    fn check(&mut self, id: ServerId) {
        let Some(server) = self.servers.get_mut(id.0) else {
            self.pools.checked(self.now, id, false);
            return;
        };
        let session = Session::new(self.shared.overrides.empty());
        server.holder = Holder::Ghost { session: Box::new(session), check: true };
        let asked = self.with_ghost(id.0, |session, cx| session.check(cx));
        self.flush_from_ghost(id.0, &[]);
        if !matches!(asked, Some(Ok(Ask::Nothing))) {
            self.pools.checked(self.now, id, false);
        }
    }

    /// The pool that a slot belongs to.
    pub(super) fn pool_of(&self, id: ServerId) -> Option<PoolId> {
        self.pools.server(id).map(|view| view.pool)
    }
}
