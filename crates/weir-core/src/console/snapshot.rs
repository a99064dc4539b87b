//! What workers tell of themselves: plain data, cheap to make, because a worker makes it between
//! two queries. Names are shared, not copied.

use std::sync::Arc;
use std::time::Duration;

use super::healing::HealingSnapshot;
use crate::incident::Control;
use crate::ledger::{Histogram, LedgerSnapshot, Phase, PhaseTimes};
use crate::pool::PoolView;
use crate::session::{PoolMode, Tally};

/// Workers at one moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Their pools, by database and user.
    pub pools: Vec<PoolRow>,
    /// Their clients, by number; empty where only pools were asked for.
    pub clients: Vec<ClientRow>,
    /// Their server connections, by number; likewise.
    pub servers: Vec<ServerRow>,
    /// What they keep in memory.
    pub stores: Vec<Store>,
    /// Statement texts they remember.
    pub statements: u64,
    /// Their ledgers; empty where that was not asked for.
    pub ledger: LedgerSnapshot,
    /// Their healers.
    pub healing: HealingSnapshot,
    /// Classes that the dispatch limits; likewise.
    pub controls: Vec<Control>,
}

impl Snapshot {
    /// Adds another worker's.
    pub fn merge(&mut self, other: Self) {
        for pool in other.pools {
            match self.pools.iter_mut().find(|known| known.is_the_same(&pool)) {
                Some(known) => known.add(pool),
                None => self.pools.push(pool),
            }
        }
        self.clients.extend(other.clients);
        self.servers.extend(other.servers);
        self.statements += other.statements;
        self.ledger.merge(other.ledger);
        self.healing.merge(other.healing);
        self.controls.extend(other.controls);
        for store in other.stores {
            match self.stores.iter_mut().find(|known| known.name == store.name) {
                Some(known) => known.add(store),
                None => self.stores.push(store),
            }
        }
    }

    /// Puts everything in the order in which it is shown.
    pub fn sort(&mut self) {
        self.pools.sort_by(|a, b| (&a.database, &a.user).cmp(&(&b.database, &b.user)));
        self.clients.sort_by_key(|client| client.id.0);
        self.servers.sort_by_key(|server| server.id.0);
        self.ledger.sort();
        self.healing.sort();
    }
}

/// A number that names a client or a server connection for the life of the process: the worker in
/// the lower 6 bits, a running number above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(pub u64);

impl Serial {
    const WORKER_BITS: u32 = 6;

    /// The `serial`-th of this worker (0 to 63).
    #[must_use]
    pub const fn new(worker: usize, serial: u64) -> Self {
        Self(serial << Self::WORKER_BITS | worker as u64 & 63)
    }

    /// The worker that has it.
    #[must_use]
    pub const fn worker(self) -> usize {
        // Six bits fit everywhere.
        (self.0 & 63) as usize
    }
}

/// Bytes, waits, logins and cancels of one pool, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes from clients.
    pub received: u64,
    /// Bytes to clients.
    pub sent: u64,
    /// Nanoseconds clients spent in the wait queue.
    pub wait_ns: u64,
    /// Checkouts.
    pub assignments: u64,
    /// Clients that logged in.
    pub logins: u64,
    /// Cancel requests that named a client and had its secret.
    pub cancels: u64,
}

impl Traffic {
    fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.sent += other.sent;
        self.wait_ns += other.wait_ns;
        self.assignments += other.assignments;
        self.logins += other.logins;
    }
}

/// A pool at one moment.
#[derive(Debug, Clone)]
pub struct PoolRow {
    /// The database name clients use.
    pub database: Arc<str>,
    /// The user.
    pub user: Arc<str>,
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
    /// Clients inside a transaction that wait for their application.
    pub clients_idle_in_transaction: u32,
    /// Cancel requests of clients under way.
    pub cancels_asked: u32,
    /// Cancel requests under way, those of time limits included.
    pub cancels: u32,
    /// Server connections that RECONNECT or a new address made stale and that are still open.
    pub stale: u32,
    /// How long the oldest waiter has waited.
    pub wait_max: Duration,
    /// Where its servers are.
    pub address: Arc<str>,
    /// The database name on the server.
    pub server_database: Arc<str>,
    /// Open server connections by phase.
    pub phases: [u32; Phase::COUNT],
    /// Time of its server connections by phase, since the pool was made.
    pub times: PhaseTimes,
}

impl PoolRow {
    fn is_the_same(&self, other: &Self) -> bool {
        (&self.database, &self.user) == (&other.database, &other.user)
    }

    /// Adds the part of the same pool that another worker serves.
    fn add(&mut self, other: Self) {
        self.view.add(other.view);
        self.tally.add(&other.tally);
        self.traffic.add(&other.traffic);
        self.waits.add(&other.waits);
        self.clients += other.clients;
        self.clients_idle_in_transaction += other.clients_idle_in_transaction;
        self.cancels_asked += other.cancels_asked;
        self.cancels += other.cancels;
        self.stale += other.stale;
        self.wait_max = self.wait_max.max(other.wait_max);
        self.phases.iter_mut().zip(other.phases).for_each(|(mine, theirs)| *mine += theirs);
        self.times += &other.times;
    }

    /// Server connections that are open.
    #[must_use]
    pub fn servers(&self) -> u32 {
        let view = &self.view;
        view.idle + view.active + view.settling + view.checking + view.closing
    }
}

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// It has logged in and waits to be greeted.
    Login,
    /// Nothing.
    Idle,
    /// It waits for a server connection.
    Waiting,
    /// Its statement runs.
    Active,
    /// Its transaction is open and waits for the application.
    IdleInTransaction,
    /// No transaction is open, and it keeps its server connection.
    Pinned,
}

impl Activity {
    /// The word on the console.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Idle => "idle",
            Self::Waiting => "waiting",
            Self::Active => "active",
            Self::IdleInTransaction => "idle in transaction",
            Self::Pinned => "pinned",
        }
    }
}

/// A client at one moment.
#[derive(Debug, Clone)]
pub struct ClientRow {
    /// Its number.
    pub id: Serial,
    /// The user it logged in as.
    pub user: Arc<str>,
    /// The database name it asked for.
    pub database: Arc<str>,
    /// Its `application_name` at login.
    pub application: Arc<str>,
    /// Where it comes from: `127.0.0.1:5000` or `unix`.
    pub address: Arc<str>,
    /// Our end of its connection, likewise.
    pub local: Arc<str>,
    /// What it does.
    pub activity: Activity,
    /// How long it has been connected.
    pub age: Duration,
    /// How long since it sent something.
    pub idle: Duration,
    /// How long it has waited for a server connection, while it does.
    pub waited: Duration,
    /// How long its transaction has been open, while one is.
    pub transaction: Option<Duration>,
    /// The process id of its backend, while it has one.
    pub backend: Option<i32>,
    /// Its server connection.
    pub server: Option<Serial>,
    /// Why it keeps its server connection; empty when it does not.
    pub pinned: String,
    /// Serial statements it has prepared.
    pub statements: usize,
    /// TLS is on.
    pub tls: bool,
}

/// What a server connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerActivity {
    /// Nothing; it is in its pool.
    Idle,
    /// It executes a client's statement.
    Active,
    /// Its client's transaction waits for the application.
    IdleInTransaction,
    /// Its client keeps it without a transaction.
    Pinned,
    /// It is put in order after a client.
    Tidying,
    /// It is tried before it is given out.
    Checking,
}

impl ServerActivity {
    /// The word on the console.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Active => "active",
            Self::IdleInTransaction => "idle in transaction",
            Self::Pinned => "pinned",
            Self::Tidying => "tidying",
            Self::Checking => "checking",
        }
    }
}

/// A server connection at one moment.
#[derive(Debug, Clone)]
pub struct ServerRow {
    /// Its number.
    pub id: Serial,
    /// The database name clients use.
    pub database: Arc<str>,
    /// The user.
    pub user: Arc<str>,
    /// Where the server is.
    pub address: Arc<str>,
    /// Our end of the connection.
    pub local: Arc<str>,
    /// What it does.
    pub activity: ServerActivity,
    /// The process id of its backend.
    pub backend: i32,
    /// How long it has been open.
    pub age: Duration,
    /// How long since it was last given to a client.
    pub assigned: Duration,
    /// How long its lease has lasted, while it is leased.
    pub leased: Option<Duration>,
    /// Its client.
    pub client: Option<Serial>,
    /// The `application_name` of that client.
    pub application: Arc<str>,
    /// Statements prepared on it.
    pub statements: usize,
    /// TLS is on.
    pub tls: bool,
    /// It closes when it is released.
    pub stale: bool,
}

/// Memory kept for one kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Store {
    /// The kind.
    pub name: &'static str,
    /// Bytes of one, without what it refers to.
    pub size: u64,
    /// How many there are.
    pub used: u64,
    /// Places kept for more.
    pub free: u64,
}

impl Store {
    fn add(&mut self, other: Self) {
        self.used += other.used;
        self.free += other.free;
    }
}
