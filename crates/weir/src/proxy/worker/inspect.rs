//! What the console and metrics ask of a worker, and the commands of operators.

use std::time::Duration;

use tokio::sync::oneshot;
use weir_core::ids::PoolId;
use weir_core::ledger::Histogram;
use weir_core::pool::PoolView;
use weir_core::session::{Activity, PoolMode, Tally};

use crate::proxy::mail::Command;
use crate::proxy::worker::state::{Client, Holder, Server, Stage, Traffic};
use crate::proxy::worker::{Worker, notice};

/// A worker at one moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Its pools.
    pub pools: Vec<PoolRow>,
    /// Its clients.
    pub clients: Vec<ClientRow>,
    /// Its server connections.
    pub servers: Vec<ServerRow>,
    /// Statement texts remembered.
    pub statements: usize,
}

/// A pool at one moment.
#[derive(Debug, Clone)]
pub struct PoolRow {
    /// The database name clients use.
    pub database: String,
    /// The user.
    pub user: String,
    /// When server connections go back.
    pub mode: PoolMode,
    /// Slots and waiters.
    pub view: PoolView,
    /// Sums since the start.
    pub tally: Tally,
    /// Sums since the start.
    pub traffic: Traffic,
    /// How long checkouts waited, those that did not wait included.
    pub waits: Histogram,
    /// Clients connected.
    pub clients: u32,
    /// Clients that hold a server connection.
    pub clients_active: u32,
    /// How long the oldest waiter has waited.
    pub wait_max: Duration,
    /// Where its servers are.
    pub address: String,
    /// The database name on the server.
    pub server_database: String,
}

/// A client at one moment.
#[derive(Debug, Clone)]
pub struct ClientRow {
    /// Its place in the worker, for `KILL_CLIENT` and links.
    pub at: u32,
    /// The user it logged in as.
    pub user: String,
    /// The database name it asked for.
    pub database: String,
    /// Its `application_name` at login.
    pub application: String,
    /// Where it comes from.
    pub address: String,
    /// What it does: `active`, `waiting`, `idle in transaction`, `idle`, `login`.
    pub state: &'static str,
    /// How long it has been connected.
    pub age: Duration,
    /// How long since it sent something.
    pub idle: Duration,
    /// How long it has waited for a server connection, while it does.
    pub waited: Duration,
    /// The process id of its backend, while it has one.
    pub backend: Option<i32>,
    /// The place of its server connection.
    pub server: Option<u32>,
    /// Why it keeps its server connection; empty when it does not.
    pub pinned: String,
    /// Named statements it has prepared.
    pub statements: usize,
    /// TLS is on.
    pub tls: bool,
}

/// A server connection at one moment.
#[derive(Debug, Clone)]
pub struct ServerRow {
    /// Its place in the worker.
    pub at: u32,
    /// The database name clients use.
    pub database: String,
    /// The user.
    pub user: String,
    /// Where the server is.
    pub address: String,
    /// What it does: `active`, `idle in transaction`, `idle`, `tidying`, `checking`.
    pub state: &'static str,
    /// The process id of its backend.
    pub backend: i32,
    /// How long it has been open.
    pub age: Duration,
    /// How long its lease has lasted, while it is leased.
    pub leased: Option<Duration>,
    /// The place of its client.
    pub client: Option<u32>,
    /// Statements prepared on it.
    pub statements: usize,
    /// TLS is on.
    pub tls: bool,
}

impl Worker {
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot {
            pools: self.by_key.values().map(|&pool| self.pool_row(pool)).collect(),
            clients: self.clients.iter().map(|(at, client)| self.client_row(at, client)).collect(),
            servers: self.servers.iter().map(|(at, server)| self.server_row(at, server)).collect(),
            statements: self.shared.statements.len(),
        }
    }

    pub(super) fn command(&mut self, command: Command) {
        match command {
            Command::Pause { database, done } => self.pause(database.as_deref(), done),
            Command::Resume { database } => {
                for pool in self.pools_of(database.as_deref()) {
                    self.pools.resume(self.now, pool);
                }
            }
            Command::Reconnect { database } => {
                for pool in self.pools_of(database.as_deref()) {
                    self.pools.reconnect(self.now, pool);
                }
            }
            Command::Kill { database } => self.kill(database.as_deref()),
            Command::KillClient { client } => self.farewell(client, &notice::killed()),
            Command::Stop { grace } => {
                self.stopping = Some(self.now + grace);
                self.pools.stop(self.now);
            }
        }
    }

    /// `done` is answered when the last of the pools is paused: each holds a clone's place in
    /// turn, so one sender travels from pool to pool.
    fn pause(&mut self, database: Option<&str>, done: oneshot::Sender<()>) {
        let pools = self.pools_of(database);
        for &pool in &pools {
            self.pools.pause(self.now, pool);
        }
        match pools.iter().copied().find(|&pool| self.is_open(pool)) {
            Some(pool) => self.homes[pool.0 as usize].pausers.push(done),
            None => {
                let _ = done.send(());
            }
        }
    }

    fn is_open(&self, pool: PoolId) -> bool {
        self.pools.servers(pool).next().is_some()
    }

    fn kill(&mut self, database: Option<&str>) {
        for pool in self.pools_of(database) {
            self.pools.pause(self.now, pool);
            let of = |client: &Client| client.pool == pool;
            let clients: Vec<u32> =
                self.clients.iter().filter(|(_, c)| of(c)).map(|(at, _)| at).collect();
            clients.into_iter().for_each(|at| self.farewell(at, &notice::killed()));
            let servers: Vec<u32> =
                self.servers.iter().filter(|(_, s)| s.pool == pool).map(|(at, _)| at).collect();
            servers.into_iter().for_each(|at| self.drop_server(at, "killed"));
        }
    }

    fn pools_of(&self, database: Option<&str>) -> Vec<PoolId> {
        let wanted = |name: &str| database.is_none_or(|database| database == name);
        let mut pools: Vec<PoolId> = self
            .by_key
            .iter()
            .filter(|(key, _)| wanted(&key.database))
            .map(|(_, &pool)| pool)
            .collect();
        pools.sort_unstable();
        pools
    }

    fn pool_row(&self, pool: PoolId) -> PoolRow {
        let home = &self.homes[pool.0 as usize];
        let view = self.pools.view(pool);
        let active = |client: &&Client| client.pool == pool && client.server.is_some();
        PoolRow {
            database: home.key.database.to_string(),
            user: home.key.user.to_string(),
            mode: home.target.session.mode,
            tally: home.tally,
            traffic: home.traffic,
            waits: home.waits.clone(),
            clients: home.clients,
            clients_active: count(self.clients.iter().map(|(_, c)| c).filter(active)),
            wait_max: view.oldest_wait_since.map_or(Duration::ZERO, |since| self.now.since(since)),
            address: home.target.dial.address.to_string(),
            server_database: home.target.dial.database.clone(),
            view,
        }
    }

    fn client_row(&self, at: u32, client: &Client) -> ClientRow {
        let home = &self.homes[client.pool.0 as usize];
        let server = client.server.and_then(|id| self.servers.get(id.0));
        let waiting = client.ticket.is_some();
        ClientRow {
            at,
            user: client.user.to_string(),
            database: home.key.database.to_string(),
            application: client.application.to_string(),
            address: client.address.to_string(),
            state: match (client.stage, server) {
                (Stage::Greeting, _) => "login",
                (Stage::Live, Some(server)) => doing(server),
                (Stage::Live, None) if waiting => "waiting",
                (Stage::Live, None) => "idle",
            },
            age: self.now.since(client.connected),
            idle: self.now.since(client.active),
            waited: if waiting { self.now.since(client.waiting_since) } else { Duration::ZERO },
            backend: server.map(|server| server.key.pid),
            server: client.server.map(|id| id.0),
            pinned: client.session.pins().describe(),
            statements: client.session.statements_len(),
            tls: client.socket.is_tls(),
        }
    }

    fn server_row(&self, at: u32, server: &Server) -> ServerRow {
        let home = &self.homes[server.pool.0 as usize];
        let (state, client) = match &server.holder {
            Holder::Client(client) => (doing(server), Some(*client)),
            Holder::Ghost { check: true, .. } => ("checking", None),
            Holder::Ghost { check: false, .. } => ("tidying", None),
            Holder::Nobody => ("idle", None),
        };
        ServerRow {
            at,
            database: home.key.database.to_string(),
            user: home.key.user.to_string(),
            address: home.target.dial.address.to_string(),
            state,
            backend: server.key.pid,
            age: self.now.since(server.opened),
            leased: client.map(|_| self.now.since(server.leased)),
            client,
            statements: server.state.prepared_len(),
            tls: server.socket.is_tls(),
        }
    }
}

fn doing(server: &Server) -> &'static str {
    match server.state.activity() {
        Activity::Executing | Activity::CopyIn => "active",
        Activity::IdleInTransaction => "idle in transaction",
        Activity::Idle => "pinned",
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}
