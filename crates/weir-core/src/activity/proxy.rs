//! What the proxy knows of one server, as far as the rules need it. The rules work without it, and
//! with as much of it as there is: what is not known is `None`.

use std::collections::BTreeSet;
use std::time::Duration;

use super::statement::Statement;
use crate::config::Settings;
use crate::console::{Activity, ClientRow, PoolRow, Snapshot};
use crate::ids::Pid;

/// The proxy's side of one PostgreSQL.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Proxy {
    /// Its pools on this server.
    pub pools: Vec<PoolState>,
    /// Who has a slot.
    pub holders: Vec<Holder>,
    /// Who waits for one.
    pub waiters: Vec<Waiter>,
    /// Routes, with what is usual for each; empty where nobody keeps the books.
    pub classes: Vec<ClassState>,
    /// Backends of all its server connections, idle ones included.
    pub backends: BTreeSet<Pid>,
    /// Requests were refused a server connection within the last seconds.
    pub refuses: bool,
    /// Cancel requests under way.
    pub cancels_under_way: u32,
    /// Cancel requests a second.
    pub cancels_per_second: Option<f64>,
    /// Logins of clients a second.
    pub logins_per_second: Option<f64>,
    /// File descriptors of the process: open, and allowed.
    pub descriptors: Option<(u64, u64)>,
}

/// A pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolState {
    /// The database name clients use.
    pub database: String,
    /// The user.
    pub user: String,
    /// Slots.
    pub size: u32,
    /// Slots held.
    pub held: u32,
    /// Clients pinned to a server connection.
    pub pinned: u32,
    /// Clients that may be.
    pub pins_max: u32,
    /// Clients waiting.
    pub waiting: u32,
    /// How long the oldest of them waits.
    pub oldest_wait: Duration,
    /// Attempts to connect that failed in a row.
    pub failures: u32,
}

/// What a held slot is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// A statement runs.
    Executing,
    /// The client takes no more of the answer.
    ClientBlocked,
    /// A transaction is open and waits for the application.
    IdleInTransaction,
    /// No transaction is open; the client needs this very connection.
    Pinned,
}

/// Who has a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The database name of its pool.
    pub database: String,
    /// The user of its pool.
    pub user: String,
    /// The backend.
    pub pid: Pid,
    /// Tag of the code, where there is one.
    pub route: Option<String>,
    /// The client's application name.
    pub application: String,
    /// The client's host.
    pub host: String,
    /// What the slot is used for.
    pub phase: Phase,
    /// For how long it has been that.
    pub phase_for: Duration,
    /// Why the client is pinned; empty when it is not.
    pub pinned: String,
    /// The statement before the silence it is in.
    pub gap: Option<Statement>,
}

/// Who waits for a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiter {
    /// The database name of its pool.
    pub database: String,
    /// The user of its pool.
    pub user: String,
    /// The client's application name.
    pub application: String,
    /// The client's host.
    pub host: String,
    /// How long it waits.
    pub waited: Duration,
}

/// A route, and what is usual for it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassState {
    /// Its name.
    pub route: String,
    /// Slots it holds.
    pub held: u32,
    /// Transactions that arrive a second.
    pub arrivals_per_second: f64,
    /// What is usual.
    pub usual_arrivals_per_second: Option<f64>,
    /// How long one holds its slot, mean of the last seconds.
    pub hold: Duration,
    /// What is usual.
    pub usual_hold: Option<Duration>,
    /// Rows one transaction took when some last ended, mean; statements of less than ten thousand
    /// rows are not counted.
    pub rows_per_transaction: Option<f64>,
    /// Where it waits for its application longest: statements before and after.
    pub gap: Option<(Statement, Statement)>,
}

impl Proxy {
    /// The pools on the server at `address` with their holders and waiters.
    #[must_use]
    pub fn from_snapshot(snapshot: &Snapshot, settings: &Settings, address: &str) -> Self {
        let rows: Vec<&PoolRow> =
            snapshot.pools.iter().filter(|row| &*row.address == address).collect();
        let clients = || {
            let pooled = |client| Some((client, pool_of(&rows, client)?));
            snapshot.clients.iter().filter_map(pooled)
        };
        let ours = snapshot.servers.iter().filter(|server| &*server.address == address);
        Self {
            pools: rows.iter().map(|row| PoolState::of(row, settings)).collect(),
            holders: clients().filter_map(|(client, pool)| Holder::of(client, pool)).collect(),
            waiters: clients().filter_map(|(client, pool)| Waiter::of(client, pool)).collect(),
            backends: ours.map(|server| Pid(server.backend)).collect(),
            refuses: false,
            cancels_under_way: rows.iter().map(|row| row.cancels_asked).sum(),
            ..Self::default()
        }
    }

    /// Who holds a slot of this pool.
    pub fn holders_of<'a>(&'a self, pool: &'a PoolState) -> impl Iterator<Item = &'a Holder> {
        self.holders.iter().filter(|one| one.database == pool.database && one.user == pool.user)
    }

    /// Who waits for a slot of this pool.
    pub fn waiters_of<'a>(&'a self, pool: &'a PoolState) -> impl Iterator<Item = &'a Waiter> {
        self.waiters.iter().filter(|one| one.database == pool.database && one.user == pool.user)
    }
}

/// A client's pool. Its user is the client's, or the one that the database fixes; then there is
/// only one pool of that database.
fn pool_of<'a>(rows: &[&'a PoolRow], client: &ClientRow) -> Option<&'a PoolRow> {
    let here = || rows.iter().copied().filter(|row| row.database == client.database);
    here().find(|row| row.user == client.user).or_else(|| here().next())
}

impl PoolState {
    fn of(row: &PoolRow, settings: &Settings) -> Self {
        Self {
            database: row.database.to_string(),
            user: row.user.to_string(),
            size: row.view.size_max,
            held: row.view.active,
            pinned: row.tally.pinned,
            pins_max: settings.limits.pins_for(row.view.size_max),
            waiting: row.view.waiting,
            oldest_wait: row.wait_max,
            failures: row.view.failures,
        }
    }
}

impl Holder {
    fn of(client: &ClientRow, pool: &PoolRow) -> Option<Self> {
        let phase = match client.activity {
            Activity::Active => Phase::Executing,
            Activity::IdleInTransaction => Phase::IdleInTransaction,
            Activity::Pinned => Phase::Pinned,
            Activity::Login | Activity::Idle | Activity::Waiting => return None,
        };
        Some(Self {
            database: pool.database.to_string(),
            user: pool.user.to_string(),
            pid: Pid(client.backend?),
            route: None,
            application: client.application.to_string(),
            host: host(&client.address).to_owned(),
            phase,
            phase_for: client.idle,
            pinned: client.pinned.clone(),
            gap: None,
        })
    }
}

impl Waiter {
    fn of(client: &ClientRow, pool: &PoolRow) -> Option<Self> {
        (client.activity == Activity::Waiting).then(|| Self {
            database: pool.database.to_string(),
            user: pool.user.to_string(),
            application: client.application.to_string(),
            host: host(&client.address).to_owned(),
            waited: client.waited,
        })
    }
}

/// An address without its port.
pub(super) fn host(address: &str) -> &str {
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}
