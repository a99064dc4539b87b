//! From the ledger's snapshots to what the rules need: holders with their routes and gaps, and
//! what is usual for each route.

use std::collections::BTreeMap;
use std::time::Duration;

use super::proxy::{ClassState, Holder, Phase, Proxy};
use super::statement::Statement;
use super::trend::Usual;
use crate::ids::Pid;
use crate::ledger::{self, ClassKind, ClassRow, ClassSums, HolderRow, LedgerSnapshot};
use crate::time::Instant;

/// The shortest time over which a rate is believed.
const SPAN_MIN: Duration = Duration::from_millis(400);

/// A refusal is a sign of scarcity for so long.
const REFUSED_LATELY: Duration = Duration::from_secs(5);

/// What was seen of each class before. Bounded by the classes that the ledger knows.
#[derive(Debug, Clone, Default)]
pub struct Books {
    classes: BTreeMap<(usize, u64), Known>,
    /// Requests refused so far, and when one was last.
    refused: Option<u64>,
    refused_at: Option<Instant>,
}

#[derive(Debug, Clone)]
struct Known {
    at: Instant,
    sums: ClassSums,
    hold: Usual,
    arrivals: Usual,
    /// Rows a transaction, when some ended last.
    rows: Option<f64>,
    /// What was last said of it.
    told: Option<ClassState>,
}

impl Books {
    /// Puts the ledger's knowledge into the proxy's part of a picture: its holders replace those
    /// that are known by activity alone, and routes come with rates since the last call.
    pub fn note(&mut self, now: Instant, ledger: &LedgerSnapshot, proxy: &mut Proxy) {
        let pools: Vec<_> =
            proxy.pools.iter().map(|pool| (pool.database.clone(), pool.user.clone())).collect();
        let here = |row: &&HolderRow| {
            pools.iter().any(|(database, user)| **database == *row.database && **user == *row.user)
        };
        let holders: Vec<Holder> = ledger.holders.iter().filter(here).filter_map(holder).collect();
        if !holders.is_empty() {
            proxy.holders = holders;
        }
        proxy.refuses = self.refuses(now, ledger);
        proxy.classes =
            ledger.classes.iter().filter_map(|row| self.class(now, ledger, row)).collect();
        self.classes.retain(|key, _| ledger.classes.iter().any(|row| row.key == *key));
    }

    /// Whether somebody was refused lately. Early refusals keep waits short: without them a pool
    /// would look well that turns away everybody.
    fn refuses(&mut self, now: Instant, ledger: &LedgerSnapshot) -> bool {
        let total = ledger.classes.iter().map(|row| row.sums.refused.count).sum();
        if self.refused.replace(total).is_some_and(|before| total > before) {
            self.refused_at = Some(now);
        }
        self.refused_at.is_some_and(|at| now.since(at) <= REFUSED_LATELY)
    }

    fn class(&mut self, now: Instant, all: &LedgerSnapshot, row: &ClassRow) -> Option<ClassState> {
        if matches!(row.kind, ClassKind::Nobody | ClassKind::Other) {
            return None;
        }
        let first = || Known {
            at: now,
            sums: row.sums,
            hold: Usual::default(),
            arrivals: Usual::default(),
            rows: None,
            told: None,
        };
        let known = self.classes.entry(row.key).or_insert_with(first);
        let span = now.since(known.at);
        if span < SPAN_MIN {
            let told = known.told.clone();
            return told.map(|told| ClassState { held: row.holding, ..told });
        }
        let since = row.sums.since(&known.sums);
        (known.at, known.sums) = (now, row.sums);
        #[expect(clippy::cast_precision_loss, reason = "rates need no more than 52 bits")]
        let [claims, ended, rows] =
            [since.claims, since.transactions, since.rows].map(|count| count as f64);
        if ended > 0.0 {
            known.rows = Some(rows / ended);
        }
        let held = Duration::from_nanos(u64::try_from(since.times.held()).unwrap_or(u64::MAX));
        // Without an end, all that is known is that one holds for at least so long.
        let hold = held.as_secs_f64() / ended.max(1.0);
        let arrivals = claims / span.as_secs_f64();
        known.told = Some(ClassState {
            route: row.label.to_string(),
            held: row.holding,
            arrivals_per_second: arrivals,
            usual_arrivals_per_second: known.arrivals.note(now, Some(arrivals)),
            hold: Duration::try_from_secs_f64(hold).unwrap_or_default(),
            usual_hold: (ended > 0.0)
                .then(|| known.hold.note(now, Some(hold)))
                .flatten()
                .and_then(|usual| Duration::try_from_secs_f64(usual).ok()),
            rows_per_transaction: known.rows,
            gap: longest_gap(all, row),
        });
        known.told.clone()
    }
}

fn holder(row: &HolderRow) -> Option<Holder> {
    row.client?;
    let phase = match row.phase {
        ledger::Phase::Executing => Phase::Executing,
        ledger::Phase::ClientBlocked => Phase::ClientBlocked,
        ledger::Phase::CopyIn | ledger::Phase::IdleInTransaction => Phase::IdleInTransaction,
        ledger::Phase::PinnedIdle => Phase::Pinned,
        ledger::Phase::Connecting
        | ledger::Phase::Idle
        | ledger::Phase::Resetting
        | ledger::Phase::CancelSettling
        | ledger::Phase::Draining => return None,
    };
    let statement = Statement { fingerprint: row.fingerprint, text: row.statement.to_string() };
    let silent = phase == Phase::IdleInTransaction && !statement.is_empty();
    Some(Holder {
        database: row.database.to_string(),
        user: row.user.to_string(),
        pid: Pid(row.backend),
        route: (row.kind == ClassKind::Tag).then(|| row.route.to_string()),
        application: row.application.to_string(),
        host: super::proxy::host(&row.address).to_owned(),
        phase,
        phase_for: row.phase_for,
        pinned: row.pinned.clone(),
        gap: silent.then_some(statement),
    })
}

/// Where the transactions of a class have waited for their application longest, both ends known.
fn longest_gap(all: &LedgerSnapshot, row: &ClassRow) -> Option<(Statement, Statement)> {
    let own = all.gaps.iter().filter(|gap| gap.route == row.label && !gap.after.is_empty());
    let worst = own.max_by_key(|gap| gap.sums.nanos)?;
    let statement = |fingerprint, text: &str| Statement { fingerprint, text: text.to_owned() };
    Some((
        statement(worst.before_fingerprint, &worst.before),
        statement(worst.after_fingerprint, &worst.after),
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use weir_wire::sql::fingerprint;

    use super::*;
    use crate::activity::tests::{pool, proxy_with};
    use crate::console::Serial;
    use crate::ledger::{GapRow, GapSums};

    fn row(phase: ledger::Phase) -> HolderRow {
        HolderRow {
            server: Serial(1),
            backend: 42,
            database: "shop".into(),
            user: "app".into(),
            client: Some(Serial(2)),
            client_user: "app".into(),
            application: "web".into(),
            address: "10.0.0.7:5000".into(),
            route: "/pay".into(),
            kind: ClassKind::Tag,
            phase,
            phase_for: Duration::from_secs(3),
            held_for: Duration::from_secs(9),
            statement: "insert into payment values (?)".into(),
            fingerprint: fingerprint(b"insert into payment values (1)"),
            statement_for: Duration::from_secs(3),
            pinned: String::new(),
        }
    }

    fn ledger(claims: u64, held: Duration) -> LedgerSnapshot {
        let (transactions, rows) = (claims, claims * 30_000);
        let mut sums = ClassSums { claims, transactions, rows, ..ClassSums::default() };
        let nanos = u64::try_from(held.as_nanos()).unwrap();
        sums.times.charge(ledger::Phase::Executing, nanos);
        let label: Arc<str> = "/pay".into();
        let (key, kind) = ((0, 1), ClassKind::Tag);
        let class = ClassRow { key, label: Arc::clone(&label), kind, sums, holding: 1, waiting: 0 };
        let gap = GapRow {
            route: label,
            before: "insert into payment values (?)".into(),
            before_fingerprint: fingerprint(b"a"),
            after: "update orders set paid = ?".into(),
            after_fingerprint: fingerprint(b"b"),
            sums: GapSums::default(),
            open: 0,
        };
        LedgerSnapshot {
            classes: vec![class],
            holders: vec![row(ledger::Phase::IdleInTransaction), row(ledger::Phase::Resetting)],
            gaps: vec![gap],
            ..LedgerSnapshot::default()
        }
    }

    #[test]
    fn holders_come_with_route_host_and_gap() {
        let mut proxy = proxy_with(vec![pool(2)]);
        Books::default().note(Instant::ZERO, &ledger(0, Duration::ZERO), &mut proxy);
        let [holder] = proxy.holders.as_slice() else { panic!("{:?}", proxy.holders) };
        assert_eq!((holder.pid, holder.phase), (Pid(42), Phase::IdleInTransaction));
        assert_eq!((holder.route.as_deref(), holder.host.as_str()), (Some("/pay"), "10.0.0.7"));
        assert_eq!(holder.gap.as_ref().unwrap().verb(), "insert");
    }

    #[test]
    fn between_two_looks_in_quick_succession_routes_are_what_they_were() {
        let mut books = Books::default();
        let mut proxy = proxy_with(vec![pool(2)]);
        let mut note = |millis, claims| {
            books.note(Instant::from_millis(millis), &ledger(claims, Duration::ZERO), &mut proxy);
            proxy.classes.first().map(|class| class.arrivals_per_second)
        };
        assert_eq!(note(0, 0), None);
        assert_eq!(note(500, 10), Some(20.0));
        assert_eq!(note(600, 500), Some(20.0));
        assert_eq!(note(1000, 510), Some(1000.0));
    }

    #[test]
    fn routes_come_with_rates_and_after_a_minute_with_what_is_usual() {
        let mut books = Books::default();
        let mut proxy = proxy_with(vec![pool(2)]);
        for second in 0..=70 {
            let held = Duration::from_millis(second * 100);
            books.note(Instant::from_millis(second * 1000), &ledger(second * 10, held), &mut proxy);
        }
        let [class] = proxy.classes.as_slice() else { panic!("{:?}", proxy.classes) };
        assert!((class.arrivals_per_second - 10.0).abs() < 0.1, "{class:?}");
        assert_eq!(class.hold, Duration::from_millis(10));
        let usual = class.usual_hold.unwrap().as_secs_f64();
        assert!((usual - 0.01).abs() < 0.001, "{usual}");
        assert_eq!(class.gap.as_ref().unwrap().1.verb(), "update");
        books.note(Instant::from_millis(71_000), &ledger(700, Duration::ZERO), &mut proxy);
        let rows = proxy.classes[0].rows_per_transaction;
        assert_eq!(rows, Some(30_000.0), "still known when none has ended");
    }
}
