//! Who holds server connections, as the healing ladder sees them.

use weir_core::healing::{Doing, Holder as Held, Shield};
use weir_core::ids::ServerId;
use weir_core::ledger::HoldView;
use weir_core::session::Activity;
use weir_core::time::Instant;

use crate::proxy::worker::Worker;
use crate::proxy::worker::state::{Client, Holder, Server};

impl Worker {
    /// The holder of a server connection whose slot would be free if what it does ended: nobody
    /// where the pool is in session mode or the client is pinned by session state, and where no
    /// transaction is open.
    pub(super) fn holding(&self, id: ServerId) -> Option<Held> {
        let server = self.servers.get(id.0)?;
        let Holder::Client(client) = server.holder else { return None };
        let client = self.clients.get(client)?;
        let home = &self.homes[server.pool.0 as usize];
        client.session.shares(&server.state, home.target.session.mode).ok()?;
        let hold = self.pools.ledger().hold(id)?;
        let (doing, since) = doing(server, client, &hold)?;
        let superuser = home.welcome.as_ref().is_some_and(|welcome| {
            welcome.parameters.iter().any(|(name, on)| name == "is_superuser" && on == "on")
        });
        let shield = superuser
            .then_some(Shield::Superuser)
            .or_else(|| Shield::of_application(&client.application))
            .or_else(|| Shield::of_route(&hold.route))
            .or(server.state.is_migrating().then_some(Shield::Migration));
        let work = server.state.work();
        Some(Held { server: id, class: hold.class, doing, since, work, shield })
    }
}

/// What it does, and since when; nothing where no transaction is open.
fn doing(server: &Server, client: &Client, hold: &HoldView) -> Option<(Doing, Instant)> {
    let state = &server.state;
    let cancelled = server.cancelled.filter(|cancel| cancel.statement == state.statement_since());
    match state.activity() {
        Activity::Idle => None,
        _ if state.is_committing() => Some((Doing::Committing, hold.since)),
        Activity::Executing | Activity::CopyIn if cancelled.is_some() => {
            cancelled.map(|cancel| (Doing::Cancelling, cancel.sent))
        }
        _ if server.blocked => Some((Doing::Streaming, hold.since)),
        Activity::Executing => Some((Doing::Executing, hold.since)),
        // It waits for its client's data.
        Activity::CopyIn => Some((Doing::Idle, hold.since.max(client.active))),
        Activity::IdleInTransaction => Some((Doing::Idle, hold.since)),
    }
}
