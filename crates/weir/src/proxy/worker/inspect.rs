//! What the console and metrics ask of a worker.
//!
//! The worker answers between two turns of its loop, so a snapshot copies no text: names are
//! shared.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use weir_core::config::limits;
use weir_core::console::{
    Activity as ClientActivity, ClientRow, PoolRow, ServerActivity, ServerRow, Snapshot, Store,
};
use weir_core::ids::{PoolId, ServerId};
use weir_core::ledger::{LedgerSnapshot, Phase};
use weir_core::pool::PoolView;
use weir_core::session::Activity;

use crate::proxy::mail::Detail;
use crate::proxy::worker::Worker;
use crate::proxy::worker::state::{Client, Holder, Server, Stage};

/// What is counted for a pool by looking at each of its server connections.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    idle_in_transaction: u32,
    cancels: u32,
    cancels_asked: u32,
    stale: u32,
    phases: [u32; Phase::COUNT],
}

impl Worker {
    pub(super) fn snapshot(&mut self, detail: Detail) -> Snapshot {
        let ledger = match detail {
            Detail::Ledger | Detail::Slots => self.ledger_snapshot(),
            Detail::History => self.ledger_with_edges(),
            Detail::Pools | Detail::Connections | Detail::Healing => LedgerSnapshot::default(),
        };
        let controls = match detail {
            Detail::Ledger | Detail::Slots => self.controls(),
            Detail::Pools | Detail::Connections | Detail::History | Detail::Healing => Vec::new(),
        };
        let seen = self.look_at_servers();
        let pools = self.by_key.values();
        let mut snapshot = Snapshot {
            pools: pools
                .map(|&pool| self.pool_row(pool, seen.get(&pool).copied().unwrap_or_default()))
                .collect(),
            stores: self.stores(),
            statements: self.shared.statements.len() as u64,
            ledger,
            healing: self.healing_snapshot(detail == Detail::Healing),
            controls,
            ..Snapshot::default()
        };
        let everybody = match detail {
            Detail::Pools | Detail::Ledger | Detail::History | Detail::Healing => return snapshot,
            Detail::Slots => false,
            Detail::Connections => true,
        };
        let rows = limits::CONSOLE_ROWS;
        snapshot.clients = self
            .clients
            .iter()
            .map(|(_, client)| client)
            .filter(|client| everybody || client.server.is_some() || client.ticket.is_some())
            .take(rows)
            .map(|client| self.client_row(client))
            .collect();
        snapshot.servers = self
            .servers
            .iter()
            .take(rows)
            .map(|(at, server)| self.server_row(at, server))
            .collect();
        snapshot
    }

    fn look_at_servers(&self) -> HashMap<PoolId, Seen> {
        let mut pools: HashMap<PoolId, Seen> = HashMap::new();
        for (at, server) in self.servers.iter() {
            let seen = pools.entry(server.pool).or_default();
            let waits = matches!(server.holder, Holder::Client(_))
                && server.state.activity() == Activity::IdleInTransaction;
            seen.idle_in_transaction += u32::from(waits);
            seen.cancels += u32::from(server.cancelling);
            seen.cancels_asked += u32::from(server.cancelling && self.is_cancelled_by_client(at));
            seen.stale += u32::from(self.is_stale(at));
            if let Some(phase) = self.pools.ledger().phase(ServerId(at)) {
                seen.phases[phase as usize] += 1;
            }
        }
        pools
    }

    fn is_stale(&self, at: u32) -> bool {
        self.pools.server(ServerId(at)).is_some_and(|view| view.stale)
    }

    fn stores(&self) -> Vec<Store> {
        let store = |name, size: usize, (used, free): (usize, usize)| Store {
            name,
            size: size as u64,
            used: used as u64,
            free: free as u64,
        };
        vec![
            store("client", size_of::<Client>(), self.clients.counts()),
            store("server", size_of::<Server>(), self.servers.counts()),
        ]
    }

    fn pool_row(&self, pool: PoolId, seen: Seen) -> PoolRow {
        let home = &self.homes[pool.0 as usize];
        // The whole pool's slots, also where other workers have some of them.
        let size_max = home.target.pool.size_max;
        let view = PoolView { size_max, ..self.pools.view(pool) };
        PoolRow {
            database: Arc::clone(&home.key.database),
            user: Arc::clone(&home.key.user),
            mode: home.target.session.mode,
            tally: home.tally,
            traffic: home.traffic,
            waits: home.waits.clone(),
            clients: home.clients,
            clients_idle_in_transaction: seen.idle_in_transaction,
            cancels_asked: seen.cancels_asked,
            cancels: seen.cancels,
            stale: seen.stale,
            wait_max: view.oldest_wait_since.map_or(Duration::ZERO, |since| self.now.since(since)),
            address: Arc::clone(&home.place.address),
            server_database: Arc::clone(&home.place.database),
            phases: seen.phases,
            times: self.pools.ledger().pool_times(pool),
            view,
        }
    }

    fn client_row(&self, client: &Client) -> ClientRow {
        let home = &self.homes[client.pool.0 as usize];
        let server = client.server.and_then(|id| self.servers.get(id.0));
        let waiting = client.ticket.is_some();
        let open = server.filter(|server| server.state.activity() != Activity::Idle);
        ClientRow {
            id: client.id,
            user: Arc::clone(client.user()),
            database: Arc::clone(&home.key.database),
            application: Arc::clone(&client.application),
            address: client.address.to_string().into(),
            local: client.socket.local_end(&self.driver).to_string().into(),
            activity: match (client.stage, server) {
                (Stage::Greeting, _) => ClientActivity::Login,
                (Stage::Live, Some(server)) => match server.state.activity() {
                    Activity::Executing | Activity::CopyIn => ClientActivity::Active,
                    Activity::IdleInTransaction => ClientActivity::IdleInTransaction,
                    Activity::Idle => ClientActivity::Pinned,
                },
                (Stage::Live, None) if waiting => ClientActivity::Waiting,
                (Stage::Live, None) => ClientActivity::Idle,
            },
            age: self.now.since(client.connected),
            idle: self.now.since(client.active),
            waited: if waiting { self.now.since(client.waiting_since) } else { Duration::ZERO },
            transaction: open.map(|server| self.now.since(server.state.transaction_since())),
            backend: server.map(|server| server.key.pid),
            server: server.map(|server| server.id),
            pinned: client.session.pins().describe(),
            statements: client.session.statements_len(),
            tls: client.socket.is_tls(),
        }
    }

    fn server_row(&self, at: u32, server: &Server) -> ServerRow {
        let home = &self.homes[server.pool.0 as usize];
        let client = match server.holder {
            Holder::Client(client) => self.clients.get(client),
            Holder::Ghost { .. } | Holder::Nobody => None,
        };
        ServerRow {
            id: server.id,
            database: Arc::clone(&home.key.database),
            user: Arc::clone(&home.key.user),
            address: Arc::clone(&home.place.address),
            local: server.socket.local_end(&self.driver).to_string().into(),
            activity: doing(server),
            backend: server.key.pid,
            age: self.now.since(server.opened),
            assigned: self.now.since(server.leased),
            leased: client.map(|_| self.now.since(server.leased)),
            client: client.map(|client| client.id),
            application: client.map_or_else(Arc::default, |client| Arc::clone(&client.application)),
            statements: server.state.prepared_len(),
            tls: server.socket.is_tls(),
            stale: self.is_stale(at),
        }
    }
}

fn doing(server: &Server) -> ServerActivity {
    match &server.holder {
        Holder::Client(_) => match server.state.activity() {
            Activity::Executing | Activity::CopyIn => ServerActivity::Active,
            Activity::IdleInTransaction => ServerActivity::IdleInTransaction,
            Activity::Idle => ServerActivity::Pinned,
        },
        Holder::Ghost { check: true, .. } => ServerActivity::Checking,
        Holder::Ghost { check: false, .. } => ServerActivity::Tidying,
        Holder::Nobody => ServerActivity::Idle,
    }
}
