//! Who holds the slots, as the healing ladder looks at them.

use std::collections::HashMap;
use std::sync::Arc;

use weir_core::healing::{Doing, Holder as SlotHolder, Party, Shield, Who};
use weir_core::ids::{ClientId, PoolId, ServerId};
use weir_core::ledger::HoldView;
use weir_core::session::Activity;
use weir_core::time::Instant;

use crate::proxy::worker::Worker;
use crate::proxy::worker::state::{Client, Holder, Home, Server};

impl Worker {
    /// The clients that hold slots which would come free, by pool.
    pub(super) fn slot_holders(&self) -> HashMap<PoolId, Vec<SlotHolder>> {
        let mut all: HashMap<PoolId, Vec<SlotHolder>> = HashMap::new();
        for hold in self.pools.ledger().holds() {
            if let Some(holder) = self.slot_holder(&hold) {
                all.entry(hold.pool).or_default().push(holder);
            }
        }
        all
    }

    /// The client that holds a server connection whose slot would be free if what it does ended:
    /// nobody where the pool is in session mode or the client is pinned by session state, where no
    /// transaction is open, or where it cannot be ended at this moment.
    pub(in crate::proxy::worker) fn holding(&self, id: ServerId) -> Option<SlotHolder> {
        self.slot_holder(&self.pools.ledger().hold(id)?)
    }

    fn slot_holder(&self, hold: &HoldView) -> Option<SlotHolder> {
        let server = self.servers.get(hold.server.0)?;
        let home = self.homes.get(hold.pool.0 as usize)?;
        let Holder::Client(at) = server.holder else { return None };
        let client = self.clients.get(at)?;
        client.session.shares(&server.state, home.target.session.mode).ok()?;
        let (doing, since) = doing(server, client, hold)?;
        let began = match doing {
            _ if server.state.is_tidied() => server.state.ready_since(),
            Doing::Idle => server.state.ready_since(),
            Doing::Executing | Doing::Cancelling | Doing::Streaming | Doing::Committing => {
                server.state.statement_since()
            }
        };
        Some(SlotHolder {
            server: hold.server,
            client: ClientId(at),
            class: class_of(home, hold),
            route: Arc::clone(&hold.route),
            fingerprint: hold.fingerprint,
            first: hold.statements <= 1,
            doing,
            since,
            began,
            work: server.state.work(),
            shield: self.shield(hold, server, (client, home)),
        })
    }

    fn shield(
        &self,
        hold: &HoldView,
        server: &Server,
        (client, home): (&Client, &Home),
    ) -> Option<Shield> {
        let party = Party {
            user: client.user(),
            pool_user: &home.key.user,
            application: &client.application,
            route: &hold.route,
            statement: &hold.statement,
            superuser: server.superuser,
        };
        if server.state.is_migrating() {
            return Some(Shield::Migration);
        }
        let class = home.target.classes.find(hold.kind, &hold.route);
        match class.is_some_and(|class| class.rules.exempt) {
            true => Some(Shield::Exempt),
            false => home.target.healing.exempt.shield(&party, &self.healing.exempted),
        }
    }

    /// A holder by name, for people.
    pub(in crate::proxy::worker) fn who(&self, holder: &SlotHolder) -> Who {
        let Some(server) = self.servers.get(holder.server.0) else { return Who::default() };
        let Some(client) = self.clients.get(holder.client.0) else { return Who::default() };
        let hold = self.pools.ledger().hold(holder.server);
        Who {
            database: Arc::clone(&self.homes[server.pool.0 as usize].key.database),
            user: Arc::clone(client.user()),
            application: Arc::clone(&client.application),
            address: client.address.to_string().into(),
            client: Some(client.id),
            backend: Some(server.key.pid),
            statement: hold.map(|hold| hold.statement).unwrap_or_default(),
        }
    }
}

/// The class that a transaction belongs to: what an operator calls it, else its route.
fn class_of(home: &Home, hold: &HoldView) -> Arc<str> {
    let named = home.target.classes.find(hold.kind, &hold.route);
    Arc::clone(named.map_or(&hold.route, |entry| &entry.name))
}

/// What a holder does, and since when; nothing where no transaction is open.
fn doing(server: &Server, client: &Client, hold: &HoldView) -> Option<(Doing, Instant)> {
    let state = &server.state;
    let cancelled = server.cancelled.filter(|cancel| cancel.statement == state.statement_since());
    match state.activity() {
        Activity::Idle => None,
        _ if state.is_committing() => Some((Doing::Committing, hold.since)),
        Activity::Executing | Activity::CopyIn if cancelled.is_some() => {
            cancelled.map(|cancel| (Doing::Cancelling, cancel.sent))
        }
        // What we ask behind a long statement is not as long as that.
        Activity::Executing if state.is_tidied() => Some((Doing::Executing, state.ready_since())),
        _ if server.blocked => Some((Doing::Streaming, hold.since)),
        Activity::Executing => Some((Doing::Executing, hold.since)),
        // It waits for its client's data.
        Activity::CopyIn => Some((Doing::Idle, hold.since.max(client.active))),
        Activity::IdleInTransaction => Some((Doing::Idle, hold.since)),
    }
}
