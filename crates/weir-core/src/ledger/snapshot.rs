//! What a worker tells of its ledger: sums and rows, with names shared.

use std::sync::Arc;
use std::time::Duration;

use weir_wire::sql::Fingerprint;

use super::account::Account;
use super::book::Ledger;
use super::class::{ClassKind, ClassSums};
use super::gap::GapSums;
use super::histogram::Histogram;
use super::phase::{Phase, PhaseTimes};
use super::texts::{Mark, NONE};
use crate::config::limits::LEDGER_GAPS_SHOWN;
use crate::console::Serial;
use crate::ids::{ClassId, PoolId, ServerId};
use crate::time::Instant;

/// The ledgers of workers at one moment. Sums are since each worker's start.
#[derive(Debug, Clone, Default)]
pub struct LedgerSnapshot {
    /// The ledger is off: claims and waits are counted, as one class; all else is empty.
    pub off: bool,
    /// Time of all server connections, by phase.
    pub times: PhaseTimes,
    /// The time that server connections were open, counted apart, in nanoseconds.
    pub open_nanos: u128,
    /// Server connections that are open or being opened.
    pub open: u32,
    /// Server connections whose phase is not what pool and session say. Always 0.
    pub misbooked: u32,
    /// Every class, also those without time.
    pub classes: Vec<ClassRow>,
    /// Server connections that somebody has, or that are being put in order.
    pub holders: Vec<HolderRow>,
    /// Clients that wait for a server connection.
    pub waiters: Vec<WaiterRow>,
    /// The gap edges where most time went.
    pub gaps: Vec<GapRow>,
    /// All other gaps.
    pub other_gaps: GapSums,
    /// Every gap edge without its details; empty where that was not asked for.
    pub edges: Vec<EdgeRow>,
    /// Gaps of edges that gave their place to others: how many, and nanoseconds together. Only
    /// with `edges`.
    pub edges_gone: (u64, u128),
    /// How long each visit to a phase took, by phase; empty before the first snapshot.
    pub visits: Vec<Histogram>,
    /// Classes known, and classes that gave their place to others.
    pub classes_known: (usize, u64),
    /// Statements known, and statements that gave their place to others.
    pub statements_known: (usize, u64),
}

/// One class.
#[derive(Debug, Clone)]
pub struct ClassRow {
    /// Names it for the life of the process: the worker, and a number of its own there.
    pub key: (usize, u64),
    /// Its name, for example `GET /orders/{}`.
    pub label: Arc<str>,
    /// Where it has its name from.
    pub kind: ClassKind,
    /// What it has done.
    pub sums: ClassSums,
    /// Server connections it is charged for at this moment.
    pub holding: u32,
    /// Claims of it that wait at this moment.
    pub waiting: u32,
}

/// A server connection that is not idle, and who has it.
#[derive(Debug, Clone)]
pub struct HolderRow {
    /// The server connection.
    pub server: Serial,
    /// The process id of its backend.
    pub backend: i32,
    /// The database name clients use.
    pub database: Arc<str>,
    /// The pool's user.
    pub user: Arc<str>,
    /// The client; none while the connection is put in order.
    pub client: Option<Serial>,
    /// The client's user.
    pub client_user: Arc<str>,
    /// The client's `application_name` at login.
    pub application: Arc<str>,
    /// The client's address.
    pub address: Arc<str>,
    /// Whose transaction it is.
    pub route: Arc<str>,
    /// Where that name comes from.
    pub kind: ClassKind,
    /// What the connection does.
    pub phase: Phase,
    /// For how long.
    pub phase_for: Duration,
    /// How long the transaction has had the connection.
    pub held_for: Duration,
    /// The last statement, without values; empty when none was read.
    pub statement: Arc<str>,
    /// Its fingerprint; 0 when there is none.
    pub fingerprint: Fingerprint,
    /// How long ago it was sent.
    pub statement_for: Duration,
    /// Why the client keeps the connection between transactions; empty when it does not.
    pub pinned: String,
}

/// A client that waits.
#[derive(Debug, Clone)]
pub struct WaiterRow {
    /// The client.
    pub client: Serial,
    /// The database name it asked for.
    pub database: Arc<str>,
    /// The pool's user.
    pub user: Arc<str>,
    /// Its `application_name` at login.
    pub application: Arc<str>,
    /// Its address.
    pub address: Arc<str>,
    /// Whose claim it is.
    pub route: Arc<str>,
    /// How long it has waited.
    pub waited: Duration,
    /// How many in its pool came before it.
    pub ahead: usize,
}

/// One gap edge.
#[derive(Debug, Clone)]
pub struct GapRow {
    /// Whose transactions.
    pub route: Arc<str>,
    /// The statement before, without values.
    pub before: Arc<str>,
    /// Its fingerprint.
    pub before_fingerprint: Fingerprint,
    /// The statement after; empty when none came (yet).
    pub after: Arc<str>,
    /// Its fingerprint; 0 when none came.
    pub after_fingerprint: Fingerprint,
    /// Gaps that ended, and those that have lasted until now.
    pub sums: GapSums,
    /// Of those, gaps that last.
    pub open: u32,
}

/// One gap edge in short: gaps that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeRow {
    /// Whose transactions.
    pub route: Arc<str>,
    /// The statement before, without values.
    pub before: Arc<str>,
    /// The statement after; empty when none came.
    pub after: Arc<str>,
    /// How many.
    pub count: u64,
    /// Nanoseconds together.
    pub nanos: u128,
}

/// A held server connection as the ledger knows it.
#[derive(Debug, Clone)]
pub struct HoldView {
    /// The server connection.
    pub server: ServerId,
    /// Its pool.
    pub pool: PoolId,
    /// Its phase and since when.
    pub phase: Phase,
    /// When the phase was entered.
    pub since: Instant,
    /// Whose transaction it is.
    pub class: ClassId,
    /// Whose transaction it is, and where that name comes from.
    pub route: Arc<str>,
    /// Where that name comes from.
    pub kind: ClassKind,
    /// When the transaction got the connection.
    pub held_since: Instant,
    /// The last statement.
    pub statement: Arc<str>,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// How many statements the transaction has had.
    pub statements: u32,
    /// When it was sent.
    pub statement_since: Instant,
}

impl LedgerSnapshot {
    /// Nanoseconds by which the phases differ from the open time: the law holds when it is 0.
    #[must_use]
    pub fn drift_nanos(&self) -> u128 {
        self.times.total().abs_diff(self.open_nanos)
    }

    /// Adds another worker's.
    pub fn merge(&mut self, other: Self) {
        self.off |= other.off;
        self.times += &other.times;
        self.open_nanos += other.open_nanos;
        self.open += other.open;
        self.misbooked += other.misbooked;
        self.classes.extend(other.classes);
        self.holders.extend(other.holders);
        self.waiters.extend(other.waiters);
        for row in other.gaps {
            self.merge_gap(row);
        }
        self.other_gaps.add(&other.other_gaps);
        self.edges.extend(other.edges);
        self.edges_gone.0 += other.edges_gone.0;
        self.edges_gone.1 += other.edges_gone.1;
        if self.visits.is_empty() {
            self.visits = other.visits;
        } else {
            self.visits.iter_mut().zip(&other.visits).for_each(|(mine, theirs)| mine.add(theirs));
        }
        let plus = |a: (usize, u64), b: (usize, u64)| (a.0 + b.0, a.1 + b.1);
        self.classes_known = plus(self.classes_known, other.classes_known);
        self.statements_known = plus(self.statements_known, other.statements_known);
    }

    fn merge_gap(&mut self, row: GapRow) {
        let place =
            |gap: &GapRow| (Arc::clone(&gap.route), gap.before_fingerprint, gap.after_fingerprint);
        match self.gaps.iter_mut().find(|known| place(known) == place(&row)) {
            Some(known) => {
                known.sums.add(&row.sums);
                known.open += row.open;
            }
            None => self.gaps.push(row),
        }
    }

    /// Puts everything in the order in which it is shown: the longest first.
    pub fn sort(&mut self) {
        use std::cmp::Reverse;
        self.classes.sort_by_key(|class| Reverse(class.sums.times.held()));
        self.holders.sort_by_key(|holder| Reverse(holder.held_for));
        self.waiters.sort_by_key(|waiter| Reverse(waiter.waited));
        self.gaps.sort_by_key(|gap| Reverse(gap.sums.nanos));
    }
}

impl Ledger {
    /// Everything but the names of holders and waiters, which the worker knows. `worker` is its
    /// index. Open intervals count up to `now`.
    pub fn snapshot(&mut self, now: Instant, worker: usize) -> LedgerSnapshot {
        if !self.on {
            let classes = self.class_rows(worker);
            return LedgerSnapshot { off: true, classes, ..LedgerSnapshot::default() };
        }
        self.settle(now);
        let (longest, other_gaps) = self.gaps.longest(LEDGER_GAPS_SHOWN);
        let gaps = longest.into_iter().map(|(edge, sums)| GapRow {
            route: Arc::clone(&edge.class),
            before: Arc::clone(&edge.before.1),
            before_fingerprint: Fingerprint(edge.before.0),
            after: Arc::clone(&edge.after.1),
            after_fingerprint: Fingerprint(edge.after.0),
            sums: sums.clone(),
            open: 0,
        });
        let mut snapshot = LedgerSnapshot {
            times: self.pools.total(),
            open_nanos: self.open.nanos(now),
            open: self.open.open(),
            classes: self.class_rows(worker),
            gaps: gaps.collect(),
            other_gaps,
            visits: self.visits.to_vec(),
            classes_known: self.names.counts(),
            statements_known: self.texts.counts(),
            ..LedgerSnapshot::default()
        };
        for hold in self.holds().filter(|hold| hold.phase == Phase::IdleInTransaction) {
            snapshot.merge_gap(open_gap(&hold, now));
        }
        snapshot
    }

    /// Adds every gap edge in short to a snapshot.
    pub fn add_edges(&self, snapshot: &mut LedgerSnapshot) {
        let (edges, gone) = self.gaps.all();
        snapshot.edges.extend(edges.map(|(edge, sums)| EdgeRow {
            route: Arc::clone(&edge.class),
            before: Arc::clone(&edge.before.1),
            after: Arc::clone(&edge.after.1),
            count: sums.count,
            nanos: sums.nanos,
        }));
        snapshot.edges_gone = (gone.count, gone.nanos);
    }

    /// The server connections that are held, or put in order.
    pub fn holds(&self) -> impl Iterator<Item = HoldView> {
        let live = (0..).map(ServerId).zip(&self.accounts).filter(|(_, account)| account.live);
        live.filter(|(_, account)| account.phase.is_held())
            .map(|(server, account)| self.hold_view(server, account))
    }

    /// One of them.
    #[must_use]
    pub fn hold(&self, server: ServerId) -> Option<HoldView> {
        let account = self.accounts.get(server.0 as usize)?;
        (account.live && account.phase.is_held()).then(|| self.hold_view(server, account))
    }

    fn hold_view(&self, server: ServerId, account: &Account) -> HoldView {
        let class = self.names.get(account.class);
        let statement = self.texts.get(account.statement);
        HoldView {
            server,
            pool: account.pool,
            phase: account.phase,
            since: account.since,
            class: ClassId(account.class),
            route: Arc::clone(&class.label),
            kind: class.kind,
            held_since: account.work.since,
            statement: Arc::clone(&statement.text),
            fingerprint: statement.fingerprint,
            statements: account.work.statements,
            statement_since: account.statement_since,
        }
    }

    /// Nanoseconds by which phases and open time differ at `now`: 0, ever.
    #[must_use]
    pub fn drift_nanos(&self, now: Instant) -> u128 {
        if !self.on {
            return 0;
        }
        let open = self.accounts.iter().filter(|account| account.live);
        let uncharged: u128 = open.map(|account| (now - account.charged).as_nanos()).sum();
        (self.pools.total().total() + uncharged).abs_diff(self.open.nanos(now))
    }

    /// Nanoseconds that server connections were open up to `now`.
    #[must_use]
    pub fn open_nanos(&self, now: Instant) -> u128 {
        self.open.nanos(now)
    }

    /// The fingerprint of a statement that was read just now; none when it could not be.
    #[must_use]
    pub fn fingerprint(&self, mark: Mark) -> Option<Fingerprint> {
        let fingerprint = self.texts.get(mark.statement).fingerprint;
        (mark.statement != NONE).then_some(fingerprint)
    }

    /// The name of a class.
    #[must_use]
    pub fn class_name(&self, class: ClassId) -> Arc<str> {
        Arc::clone(&self.names.get(self.names.known(class)).label)
    }

    /// Where the name of a class comes from.
    #[must_use]
    pub fn class_kind(&self, class: ClassId) -> ClassKind {
        self.names.get(self.names.known(class)).kind
    }

    /// A number that changes when the class gives its place to another.
    #[inline]
    #[must_use]
    pub fn class_serial(&self, class: ClassId) -> u64 {
        self.names.get(self.names.known(class)).serial
    }

    /// The time of a pool's server connections since it was added.
    #[must_use]
    pub fn pool_times(&self, pool: PoolId) -> PhaseTimes {
        self.pools.get(pool)
    }

    fn class_rows(&self, worker: usize) -> Vec<ClassRow> {
        let mut holding = vec![0; self.names.counts().0];
        for account in self.accounts.iter().filter(|account| account.live) {
            holding[account.class as usize] += u32::from(account.phase.is_held());
        }
        let row = |(place, class): (u32, &super::class::Class)| ClassRow {
            key: (worker, class.serial),
            label: Arc::clone(&class.label),
            kind: class.kind,
            sums: class.sums,
            holding: holding[place as usize],
            waiting: class.waiting,
        };
        self.names.iter().map(row).collect()
    }
}

/// A gap that lasts.
fn open_gap(hold: &HoldView, now: Instant) -> GapRow {
    let mut sums = GapSums::default();
    sums.record(now - hold.since);
    GapRow {
        route: Arc::clone(&hold.route),
        before: Arc::clone(&hold.statement),
        before_fingerprint: hold.fingerprint,
        after: "".into(),
        after_fingerprint: Fingerprint(0),
        sums,
        open: 1,
    }
}
