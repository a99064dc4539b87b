//! What one stretch of time (by default a minute) came to: what is kept for a month.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::class::{ClassKind, ClassSums};
use super::phase::{PhaseTimes, seconds};
use super::snapshot::{EdgeRow, LedgerSnapshot};
use super::window::{ClassesBefore, FrameClass, differences, keep_longest, so_far};
use crate::config::limits::{LEDGER_SUMMARY_CLASSES, LEDGER_SUMMARY_GAPS, LEDGER_SUMMARY_POOLS};
use crate::console::{PoolRow, Snapshot};
use crate::incident::Wall;

/// One stretch of time. As JSON, times are seconds and moments RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Its beginning.
    #[serde(serialize_with = "as_moment")]
    pub from: Wall,
    /// Its end.
    #[serde(serialize_with = "as_moment")]
    pub until: Wall,
    /// Slots of all pools at its end.
    pub slots: u32,
    /// Clients that waited at its end.
    pub waiting: u32,
    /// The time that server connections were open, counted apart from the phases, nanoseconds.
    #[serde(rename = "open_seconds", serialize_with = "as_seconds")]
    pub open_nanos: u128,
    /// Time of all server connections; adds up to the open time exactly.
    #[serde(rename = "phase_seconds")]
    pub times: PhaseTimes,
    /// Pools, those with most time first, and `other`. Time of a pool that was given up in the
    /// stretch is in none.
    pub pools: Vec<PoolSummary>,
    /// Classes, those with most time first, and `other`.
    #[serde(rename = "routes", serialize_with = "as_routes")]
    pub classes: Vec<FrameClass>,
    /// Gaps that ended in the stretch, however long ago they began, those with most time first,
    /// and `other`.
    pub gaps: Vec<GapSummary>,
}

/// What one pool did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct PoolSummary {
    /// The database name clients use.
    pub database: Arc<str>,
    /// The user.
    pub user: Arc<str>,
    /// Slots at the end.
    pub slots: u32,
    /// Transactions that ended.
    pub transactions: u64,
    /// Simple queries and Executes.
    pub statements: u64,
    /// Times a client got a server connection.
    pub checkouts: u64,
    /// Nanoseconds clients waited for one that they got.
    #[serde(rename = "waited_seconds", serialize_with = "as_seconds")]
    pub waited_nanos: u128,
    /// Time of its server connections.
    #[serde(rename = "phase_seconds")]
    pub times: PhaseTimes,
}

/// Time inside of transactions in which PostgreSQL waited for the application, at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GapSummary {
    /// Whose transactions; `other` with empty statements for all further places.
    pub route: Arc<str>,
    /// The statement before, without values.
    pub before: Arc<str>,
    /// The statement after; empty when none came.
    pub after: Arc<str>,
    /// How many.
    pub count: u64,
    /// Nanoseconds together.
    #[serde(rename = "seconds", serialize_with = "as_seconds")]
    pub nanos: u128,
}

/// Makes summaries from snapshots.
#[derive(Debug)]
pub struct Summarizer {
    at: Wall,
    times: PhaseTimes,
    open_nanos: u128,
    classes: ClassesBefore,
    pools: HashMap<(Arc<str>, Arc<str>), PoolSummary>,
    edges: HashMap<Place, (u64, u128)>,
    gaps: (u64, u128),
}

/// Route, statement before, statement after.
type Place = [Arc<str>; 3];

impl Summarizer {
    /// Begins at the start of the process.
    #[must_use]
    pub fn new(at: Wall) -> Self {
        Self {
            at,
            times: PhaseTimes::default(),
            open_nanos: 0,
            classes: ClassesBefore::new(),
            pools: HashMap::new(),
            edges: HashMap::new(),
            gaps: (0, 0),
        }
    }

    /// What came since the last time. The snapshot needs its gap edges
    /// ([`super::Ledger::add_edges`]).
    pub fn note(&mut self, at: Wall, snapshot: &Snapshot) -> Summary {
        let ledger = &snapshot.ledger;
        let classes = std::mem::replace(&mut self.classes, so_far(ledger));
        let times = std::mem::replace(&mut self.times, ledger.times);
        let open_nanos = std::mem::replace(&mut self.open_nanos, ledger.open_nanos);
        Summary {
            from: std::mem::replace(&mut self.at, at),
            until: at,
            slots: snapshot.pools.iter().map(|pool| pool.view.size_max).sum(),
            waiting: ledger.classes.iter().map(|class| class.waiting).sum(),
            open_nanos: ledger.open_nanos.saturating_sub(open_nanos),
            times: ledger.times - &times,
            pools: self.pools(&snapshot.pools),
            classes: differences(classes, ledger, LEDGER_SUMMARY_CLASSES),
            gaps: self.gaps(ledger),
        }
    }

    fn pools(&mut self, rows: &[PoolRow]) -> Vec<PoolSummary> {
        let key = |pool: &PoolSummary| (Arc::clone(&pool.database), Arc::clone(&pool.user));
        let now: Vec<PoolSummary> = rows.iter().map(PoolSummary::of).collect();
        let next = now.iter().map(|pool| (key(pool), pool.clone())).collect();
        let before = std::mem::replace(&mut self.pools, next);
        let since = |pool: PoolSummary| match before.get(&key(&pool)) {
            Some(old) => pool.since(old),
            None => pool,
        };
        let mut pools: Vec<PoolSummary> = now.into_iter().map(since).collect();
        keep_first(&mut pools, LEDGER_SUMMARY_POOLS, |pool| pool.times.total(), add_pools);
        pools
    }

    fn gaps(&mut self, ledger: &LedgerSnapshot) -> Vec<GapSummary> {
        let mut now: HashMap<Place, (u64, u128)> = HashMap::new();
        let mut all = ledger.edges_gone;
        for edge in &ledger.edges {
            let sum = now.entry(place(edge)).or_default();
            *sum = (sum.0 + edge.count, sum.1 + edge.nanos);
            all = (all.0 + edge.count, all.1 + edge.nanos);
        }
        let since = |(place, sum): (&Place, &(u64, u128))| {
            // One that lost its place and found another began anew.
            let old = self.edges.get(place).filter(|old| old.0 <= sum.0).copied();
            let old = old.unwrap_or_default();
            let [route, before, after] = place.clone();
            GapSummary { route, before, after, count: sum.0 - old.0, nanos: sum.1 - old.1 }
        };
        let mut gaps: Vec<GapSummary> = now.iter().map(since).filter(|gap| gap.count > 0).collect();
        gaps.sort_by(|a, b| b.nanos.cmp(&a.nanos).then_with(|| a.route.cmp(&b.route)));
        gaps.truncate(LEDGER_SUMMARY_GAPS);
        let named = gaps.iter().fold((0, 0), |sum, gap| (sum.0 + gap.count, sum.1 + gap.nanos));
        let old = std::mem::replace(&mut self.gaps, all);
        let count = all.0.saturating_sub(old.0).saturating_sub(named.0);
        if count > 0 {
            let nanos = all.1.saturating_sub(old.1).saturating_sub(named.1);
            gaps.push(other_gaps(count, nanos));
        }
        self.edges = now;
        gaps
    }
}

fn place(edge: &EdgeRow) -> Place {
    [&edge.route, &edge.before, &edge.after].map(Arc::clone)
}

fn other_gaps(count: u64, nanos: u128) -> GapSummary {
    let route = ClassKind::Other.as_str().into();
    GapSummary { route, before: "".into(), after: "".into(), count, nanos }
}

impl PoolSummary {
    /// Since the pool was made.
    fn of(row: &PoolRow) -> Self {
        Self {
            database: Arc::clone(&row.database),
            user: Arc::clone(&row.user),
            slots: row.view.size_max,
            transactions: row.tally.transactions,
            statements: row.tally.queries,
            checkouts: row.traffic.assignments,
            waited_nanos: row.traffic.wait_ns.into(),
            times: row.times,
        }
    }

    /// What came since `old`; all of it where the pool was made again in between.
    fn since(mut self, old: &Self) -> Self {
        if self.times.total() < old.times.total() || self.checkouts < old.checkouts {
            return self;
        }
        self.transactions = self.transactions.saturating_sub(old.transactions);
        self.statements = self.statements.saturating_sub(old.statements);
        self.checkouts -= old.checkouts;
        self.waited_nanos = self.waited_nanos.saturating_sub(old.waited_nanos);
        self.times = self.times - &old.times;
        self
    }

    fn add(&mut self, other: &Self) {
        self.slots = self.slots.max(other.slots);
        self.transactions += other.transactions;
        self.statements += other.statements;
        self.checkouts += other.checkouts;
        self.waited_nanos += other.waited_nanos;
        self.times += &other.times;
    }
}

/// Pools that are shown as one.
fn add_pools(pools: &[PoolSummary]) -> PoolSummary {
    let name: Arc<str> = ClassKind::Other.as_str().into();
    let mut sum = PoolSummary { database: Arc::clone(&name), user: name, ..PoolSummary::default() };
    for pool in pools {
        let slots = sum.slots.saturating_add(pool.slots);
        sum.add(pool);
        sum.slots = slots;
    }
    sum
}

/// Puts the heaviest first, and sums those behind the first `max - 1` up.
fn keep_first<T>(
    rows: &mut Vec<T>,
    max: usize,
    weight: impl Fn(&T) -> u128,
    sum_up: impl FnOnce(&[T]) -> T,
) {
    rows.sort_by_key(|row| Reverse(weight(row)));
    if rows.len() > max {
        let rest = rows.split_off(max - 1);
        rows.push(sum_up(&rest));
    }
}

impl Summary {
    /// Several stretches as one, with names for at most as many routes and gaps as one has; `None`
    /// for none. What lies between them is left out.
    #[must_use]
    pub fn whole(stretches: &[Self]) -> Option<Self> {
        let (first, rest) = stretches.split_first()?;
        let mut whole = rest.iter().fold(first.clone(), |mut whole, next| {
            whole.add(next);
            whole
        });
        keep_longest(&mut whole.classes, LEDGER_SUMMARY_CLASSES);
        whole.gaps.sort_by_key(|gap| Reverse(gap.nanos));
        whole.pools.sort_by_key(|pool| Reverse(pool.times.total()));
        Some(whole)
    }

    /// The length, by the calendar: seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.until.since(self.from).as_secs_f64()
    }

    fn add(&mut self, next: &Self) {
        self.until = self.until.max(next.until);
        self.slots = self.slots.max(next.slots);
        self.waiting = self.waiting.max(next.waiting);
        self.open_nanos += next.open_nanos;
        self.times += &next.times;
        for class in &next.classes {
            match self.classes.iter_mut().find(|known| known.is_same(class)) {
                Some(known) => known.sums = known.sums.plus(&class.sums),
                None => self.classes.push(class.clone()),
            }
        }
        for pool in &next.pools {
            let same = |known: &&mut PoolSummary| {
                known.database == pool.database && known.user == pool.user
            };
            match self.pools.iter_mut().find(same) {
                Some(known) => known.add(pool),
                None => self.pools.push(pool.clone()),
            }
        }
        for gap in &next.gaps {
            let same = |known: &&mut GapSummary| {
                known.route == gap.route && known.before == gap.before && known.after == gap.after
            };
            match self.gaps.iter_mut().find(same) {
                Some(known) => {
                    known.count += gap.count;
                    known.nanos += gap.nanos;
                }
                None => self.gaps.push(gap.clone()),
            }
        }
    }
}

/// A class as it is written.
#[derive(Serialize)]
struct Route<'a> {
    route: &'a str,
    route_from: &'static str,
    claims: u64,
    transactions: u64,
    rows: u64,
    granted: u64,
    granted_waited_seconds: f64,
    refused: u64,
    refused_waited_seconds: f64,
    left: u64,
    left_waited_seconds: f64,
    phase_seconds: &'a PhaseTimes,
}

impl<'a> Route<'a> {
    fn of(class: &'a FrameClass) -> Self {
        let ClassSums { times, claims, transactions, rows, granted, refused, left } = &class.sums;
        Self {
            route: &class.label,
            route_from: class.kind.as_str(),
            claims: *claims,
            transactions: *transactions,
            rows: *rows,
            granted: granted.count,
            granted_waited_seconds: seconds(granted.nanos),
            refused: refused.count,
            refused_waited_seconds: seconds(refused.nanos),
            left: left.count,
            left_waited_seconds: seconds(left.nanos),
            phase_seconds: times,
        }
    }
}

fn as_routes<S: Serializer>(classes: &[FrameClass], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(classes.iter().map(Route::of))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
fn as_moment<S: Serializer>(wall: &Wall, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&wall.rfc3339())
}

fn as_seconds<S: Serializer>(nanos: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(seconds(*nanos))
}
