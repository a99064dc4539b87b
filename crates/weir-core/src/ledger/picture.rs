//! The ledger as people and programs read it: who has the slots, who waits, what the time went
//! into, and what would be needed otherwise. Times are seconds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::class::{ClassKind, ClassSums};
use super::gap::GapSums;
use super::need::{Change, Demand, exhaustion};
use super::phase::seconds;
use super::snapshot::{ClassRow, GapRow, HolderRow, LedgerSnapshot, WaiterRow};
use super::window::{ClassesBefore, Frame, FrameClass, Recorder, differences};

/// How far back routes and needs look.
const WINDOW: Duration = Duration::from_secs(60);

/// How far back the growth of the use is looked at.
const TREND: Duration = Duration::from_secs(30);

/// The limit on gaps that the counterfactual is about.
const GAP_LIMIT: Duration = Duration::from_secs(1);

/// Everything at one moment.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Picture {
    /// By how much the phases differ from the time that server connections were open. Always 0.
    pub drift_seconds: f64,
    /// Server connections whose phase is not what it should be. Always 0.
    pub misbooked: u32,
    /// Server connections that are open or being opened.
    pub open: u32,
    /// What needs and routes are about: the last minute, or less after the start.
    pub window_seconds: f64,
    /// Time of all server connections since the start, by phase.
    pub phase_seconds: BTreeMap<&'static str, f64>,
    /// Slots against what is needed.
    pub demand: Demanded,
    /// Who has a server connection, the longest first.
    pub holders: Vec<Hold>,
    /// Who waits for one, the longest first.
    pub waiters: Vec<Wait>,
    /// The balance sheet: each route by phase, over the window; the most time first.
    pub routes: Vec<Route>,
    /// Where transactions wait for the application, since the start; the most time first.
    pub gaps: Vec<Gap>,
    /// Gaps that are not among them.
    pub other_gaps_seconds: f64,
}

/// Slots against what is needed.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Demanded {
    /// Slots of all pools.
    pub slots: u32,
    /// Slots that were held, on average.
    pub held: f64,
    /// Slots that the work needs, by Little's law.
    pub needed: f64,
    /// The same if BEGIN never took a slot by itself.
    pub needed_with_deferred_begin: f64,
    /// The same if no transaction waited for its application longer than a second at a time.
    pub needed_with_gaps_of_1s: f64,
    /// Seconds until all slots are held if the use grows as in the last half minute; none when it
    /// does not grow.
    pub exhausted_in_seconds: Option<f64>,
}

/// A holder.
#[derive(Debug, Clone, Serialize)]
pub struct Hold {
    /// The server connection's number.
    pub server: u64,
    /// The process id of its backend.
    pub backend_pid: i32,
    /// The database name clients use.
    pub database: Arc<str>,
    /// The pool's user.
    pub user: Arc<str>,
    /// The client's number; none while the connection is put in order.
    pub client: Option<u64>,
    /// The client's user.
    pub client_user: Arc<str>,
    /// What the client called itself at login.
    pub application: Arc<str>,
    /// The client's address.
    pub address: Arc<str>,
    /// Whose transaction it is.
    pub route: Arc<str>,
    /// Where that name comes from: tag, application, user or transaction.
    pub route_from: &'static str,
    /// What the connection does.
    pub phase: &'static str,
    /// For how long.
    pub phase_seconds: f64,
    /// How long the transaction has had the connection.
    pub held_seconds: f64,
    /// The last statement, without values.
    pub statement: Arc<str>,
    /// Its fingerprint, 16 hexadecimal digits.
    pub fingerprint: String,
    /// How long ago it was sent.
    pub statement_seconds: f64,
    /// Why the client keeps the connection between transactions; empty when it does not.
    pub pinned: String,
}

/// A client that waits.
#[derive(Debug, Clone, Serialize)]
pub struct Wait {
    /// The client's number.
    pub client: u64,
    /// The database name it asked for.
    pub database: Arc<str>,
    /// The pool's user.
    pub user: Arc<str>,
    /// What the client called itself at login.
    pub application: Arc<str>,
    /// The client's address.
    pub address: Arc<str>,
    /// Whose claim it is.
    pub route: Arc<str>,
    /// How long it has waited.
    pub waited_seconds: f64,
    /// How many in its pool came before it.
    pub ahead: usize,
}

/// A route's line of the balance sheet.
#[derive(Debug, Clone, Serialize)]
pub struct Route {
    /// Its name.
    pub route: Arc<str>,
    /// Where the name comes from.
    pub route_from: &'static str,
    /// Slots it has at this moment.
    pub holding: u32,
    /// Its claims that wait at this moment.
    pub waiting: u32,
    /// Its part of all time that slots were held in the window, 0 to 1.
    pub share: f64,
    /// Slots it needs, by Little's law.
    pub needed: f64,
    /// Claims in the window.
    pub claims: u64,
    /// Transactions that ended in the window.
    pub transactions: u64,
    /// Claims that were refused in the window.
    pub refused: u64,
    /// Claims whose client left while it waited, in the window.
    pub left: u64,
    /// Time waited in the window, by waits that ended, however they did.
    pub waited_seconds: f64,
    /// Its time on server connections in the window, by phase.
    pub phase_seconds: BTreeMap<&'static str, f64>,
}

/// A place where transactions wait for the application.
#[derive(Debug, Clone, Serialize)]
pub struct Gap {
    /// Whose transactions.
    pub route: Arc<str>,
    /// The statement before, without values.
    pub before: Arc<str>,
    /// Its fingerprint.
    pub before_fingerprint: String,
    /// The statement after; empty when none came (yet).
    pub after: Arc<str>,
    /// Its fingerprint.
    pub after_fingerprint: String,
    /// Gaps, those included that last.
    pub count: u64,
    /// Gaps that last at this moment.
    pub open: u32,
    /// Time in them.
    pub seconds: f64,
    /// Half of them are no longer than this.
    pub p50_seconds: f64,
    /// 95 in 100 are no longer than this.
    pub p95_seconds: f64,
    /// The longest.
    pub max_seconds: f64,
    /// Its part of all time that slots were held since the start, 0 to 1.
    pub share: f64,
    /// Slots that all work would need without it.
    pub needed_without: f64,
}

impl Picture {
    /// Draws the picture. `uptime` is how long the ledger has run, `slots` how many server
    /// connections there may be.
    #[must_use]
    pub fn of(
        snapshot: &LedgerSnapshot,
        recorder: &Recorder,
        uptime: Duration,
        slots: u32,
    ) -> Self {
        let window = recorder.last(WINDOW).unwrap_or_else(|| whole(snapshot, uptime, slots));
        let demand = demand_of(&window);
        Self {
            drift_seconds: seconds(snapshot.drift_nanos()),
            misbooked: snapshot.misbooked,
            open: snapshot.open,
            window_seconds: window.span.as_secs_f64(),
            phase_seconds: snapshot.times.by_name(),
            demand: demanded(snapshot, recorder, &window, &demand, slots),
            holders: snapshot.holders.iter().map(Hold::from).collect(),
            waiters: snapshot.waiters.iter().map(Wait::from).collect(),
            routes: routes(snapshot, &window),
            gaps: snapshot.gaps.iter().map(|gap| Gap::of(gap, snapshot, &demand)).collect(),
            other_gaps_seconds: seconds(snapshot.other_gaps.nanos),
        }
    }
}

/// Everything since the start, where no window has passed yet.
fn whole(snapshot: &LedgerSnapshot, uptime: Duration, slots: u32) -> Frame {
    Frame {
        at: crate::time::Instant::ZERO + uptime,
        span: uptime,
        times: snapshot.times,
        slots,
        waiting: snapshot.classes.iter().map(|class| class.waiting).sum(),
        classes: differences(ClassesBefore::new(), snapshot, usize::MAX),
    }
}

/// What all work of a stretch needs.
fn demand_of(frame: &Frame) -> Demand {
    let sums = frame.classes.iter().filter(|class| class.kind != ClassKind::Nobody);
    let sums = sums.fold(ClassSums::default(), |sum, class| sum.plus(&class.sums));
    Demand::of(&sums, frame.span)
}

fn demanded(
    snapshot: &LedgerSnapshot,
    recorder: &Recorder,
    window: &Frame,
    demand: &Demand,
    slots: u32,
) -> Demanded {
    let all: Vec<&GapSums> = snapshot.gaps.iter().map(|gap| &gap.sums).collect();
    let behind_begin = |gap: &&GapRow| {
        gap.before.starts_with("begin") || gap.before.starts_with("start transaction")
    };
    let begins: Vec<&GapSums> =
        snapshot.gaps.iter().filter(behind_begin).map(|gap| &gap.sums).collect();
    let frames: Vec<&Frame> = recorder.seconds().map(AsRef::as_ref).collect();
    let recent = frames.last().map_or(0, |last| {
        frames.iter().rev().take_while(|frame| last.at - frame.at < TREND).count()
    });
    let left = exhaustion(&frames[frames.len() - recent..], slots);
    Demanded {
        slots,
        held: window.held(),
        needed: demand.total(),
        needed_with_deferred_begin: demand
            .total_with(&Change::DeferredBegin(&begins), &snapshot.times),
        needed_with_gaps_of_1s: demand
            .total_with(&Change::GapLimit(&all, GAP_LIMIT), &snapshot.times),
        exhausted_in_seconds: left.map(|left| left.as_secs_f64()),
    }
}

fn routes(snapshot: &LedgerSnapshot, window: &Frame) -> Vec<Route> {
    let held = window.times.held();
    let now = |class: &FrameClass, of: fn(&ClassRow) -> u32| {
        let same = snapshot.classes.iter().filter(|row| row.kind == class.kind);
        same.filter(|row| row.label == class.label).map(of).sum()
    };
    let mine = window.classes.iter().filter(|class| class.kind != ClassKind::Nobody);
    let mut routes: Vec<Route> = mine
        .filter(|class| !class.sums.is_empty())
        .map(|class| Route {
            route: Arc::clone(&class.label),
            route_from: class.kind.as_str(),
            holding: now(class, |row| row.holding),
            waiting: now(class, |row| row.waiting),
            share: ratio(class.sums.times.held(), held),
            needed: Demand::of(&class.sums, window.span).total(),
            claims: class.sums.claims,
            transactions: class.sums.transactions,
            refused: class.sums.refused.count,
            left: class.sums.left.count,
            waited_seconds: seconds(class.sums.waited_nanos()),
            phase_seconds: class.sums.times.by_name(),
        })
        .collect();
    routes.sort_by(|a, b| b.share.total_cmp(&a.share).then(b.claims.cmp(&a.claims)));
    routes
}

#[expect(clippy::cast_precision_loss, reason = "a ratio")]
fn ratio(part: u128, whole: u128) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl From<&HolderRow> for Hold {
    fn from(row: &HolderRow) -> Self {
        Self {
            server: row.server.0,
            backend_pid: row.backend,
            database: Arc::clone(&row.database),
            user: Arc::clone(&row.user),
            client: row.client.map(|client| client.0),
            client_user: Arc::clone(&row.client_user),
            application: Arc::clone(&row.application),
            address: Arc::clone(&row.address),
            route: Arc::clone(&row.route),
            route_from: row.kind.as_str(),
            phase: row.phase.as_str(),
            phase_seconds: row.phase_for.as_secs_f64(),
            held_seconds: row.held_for.as_secs_f64(),
            statement: Arc::clone(&row.statement),
            fingerprint: row.fingerprint.to_string(),
            statement_seconds: row.statement_for.as_secs_f64(),
            pinned: row.pinned.clone(),
        }
    }
}

impl From<&WaiterRow> for Wait {
    fn from(row: &WaiterRow) -> Self {
        Self {
            client: row.client.0,
            database: Arc::clone(&row.database),
            user: Arc::clone(&row.user),
            application: Arc::clone(&row.application),
            address: Arc::clone(&row.address),
            route: Arc::clone(&row.route),
            waited_seconds: row.waited.as_secs_f64(),
            ahead: row.ahead,
        }
    }
}

impl Gap {
    fn of(row: &GapRow, snapshot: &LedgerSnapshot, demand: &Demand) -> Self {
        let sums = &row.sums;
        Self {
            route: Arc::clone(&row.route),
            before: Arc::clone(&row.before),
            before_fingerprint: row.before_fingerprint.to_string(),
            after: Arc::clone(&row.after),
            after_fingerprint: row.after_fingerprint.to_string(),
            count: sums.count,
            open: row.open,
            seconds: seconds(sums.nanos),
            p50_seconds: sums.spans.percentile(50.0).as_secs_f64(),
            p95_seconds: sums.spans.percentile(95.0).as_secs_f64(),
            max_seconds: sums.max.as_secs_f64(),
            share: ratio(sums.nanos, snapshot.times.held()),
            needed_without: demand.total_with(&Change::WithoutGap(sums), &snapshot.times),
        }
    }
}
