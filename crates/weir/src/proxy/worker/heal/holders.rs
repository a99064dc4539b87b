//! Who holds the slots, as the healing ladder looks at them.

use std::collections::HashMap;
use std::sync::Arc;

use weir_core::healing::{Doing, Holder as SlotHolder, Party, Shield, Who, Work};
use weir_core::ids::{ClientId, PoolId};
use weir_core::ledger::{HoldView, Phase};
use weir_core::session::PoolMode;
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

    fn slot_holder(&self, hold: &HoldView) -> Option<SlotHolder> {
        let server = self.servers.get(hold.server.0)?;
        let home = self.homes.get(hold.pool.0 as usize)?;
        let Holder::Client(at) = server.holder else { return None };
        let client = self.clients.get(at)?;
        let kept =
            home.target.session.mode == PoolMode::Session || !client.session.pins().is_empty();
        if kept {
            return None;
        }
        let cancelled = self.healing.cancelled.get(&hold.server.0).copied();
        let (doing, since, began) = doing(hold, server, cancelled)?;
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
            work: Work::Wrote,
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
            user: &client.user,
            pool_user: &home.key.user,
            application: &client.application,
            route: &hold.route,
            statement: &hold.statement,
            superuser: server.superuser,
        };
        let class = home.target.classes.find(hold.kind, &hold.route);
        match class.is_some_and(|class| class.rules.exempt) {
            true => Some(Shield::Exempt),
            false => home.target.healing.exempt.shield(&party, &self.healing.exempted),
        }
    }

    /// A holder by name, for people.
    pub(super) fn who(&self, holder: &SlotHolder) -> Who {
        let Some(server) = self.servers.get(holder.server.0) else { return Who::default() };
        let Some(client) = self.clients.get(holder.client.0) else { return Who::default() };
        let hold = self.pools.ledger().holds().find(|hold| hold.server == holder.server);
        Who {
            database: Arc::clone(&self.homes[server.pool.0 as usize].key.database),
            user: Arc::clone(&client.user),
            application: Arc::clone(&client.application),
            address: Arc::clone(&client.address),
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

/// What a holder does, since when, and when the stretch began that this is about; nothing where
/// its slot is about to come free by itself.
fn doing(
    hold: &HoldView,
    server: &Server,
    cancelled: Option<(Instant, Instant)>,
) -> Option<(Doing, Instant, Instant)> {
    let state = &server.state;
    let began = state.statement_since();
    match hold.phase {
        Phase::IdleInTransaction => Some((Doing::Idle, state.ready_since(), state.ready_since())),
        Phase::ClientBlocked => Some((Doing::Streaming, hold.since, began)),
        Phase::Executing | Phase::CopyIn if commits(&hold.statement) => {
            Some((Doing::Committing, began, began))
        }
        Phase::Executing | Phase::CopyIn => match cancelled.filter(|(of, _)| *of == began) {
            Some((_, at)) => Some((Doing::Cancelling, at, began)),
            None => Some((Doing::Executing, began, began)),
        },
        Phase::Connecting
        | Phase::Idle
        | Phase::Resetting
        | Phase::PinnedIdle
        | Phase::CancelSettling
        | Phase::Draining => None,
    }
}

/// The statement, in normal form, may end a transaction well.
fn commits(statement: &str) -> bool {
    const ENDS: [&str; 3] = ["commit", "prepare transaction", "end"];
    let parts = statement.split(';').map(str::trim_start);
    parts.into_iter().any(|part| ENDS.iter().any(|end| part.starts_with(end)))
}
