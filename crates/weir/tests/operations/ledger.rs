//! What the ledger says of a real server's connections.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use weir_testkit::{Session, until};

use crate::stage::{PATIENCE, Row, Stage, beside};

const SLOTS: usize = 10;

/// Ten slots are held. PostgreSQL and a pool's counts look alike; who, for what and why differs.
struct Way {
    phase: &'static str,
    route: &'static str,
    statement: &'static str,
}

fn check_holders(stage: &Stage, way: &Way) {
    let what = format!("{SLOTS} holders in phase {}", way.phase);
    let held = |row: &Row| row["phase"] == way.phase && row["route"] == way.route;
    let rows = until(&what, PATIENCE, || {
        let rows = stage.show("SHOW HOLDERS");
        let all = rows.len() == SLOTS && rows.iter().all(held);
        Ok(all.then_some(rows))
    })
    .unwrap();
    for row in rows {
        assert_eq!((&*row["database"], &*row["route_from"]), (&*stage.database, "tag"));
        assert_eq!(row["statement"], way.statement);
        assert!(row["client_id"].parse::<u64>().is_ok(), "{row:?}");
    }
    assert_eq!(stage.pool()["sv_active"], SLOTS.to_string());
    let waiting = stage.client();
    let waits = beside(move || {
        let mut waiting: Session = waiting;
        // Ends with an error when the proxy does.
        let _ = waiting.query("SELECT 1 /*route='/late'*/");
    });
    let waiter = until("a waiter", PATIENCE, || Ok(stage.show("SHOW WAITERS").pop())).unwrap();
    assert_eq!((&*waiter["route"], &*waiter["ahead"]), ("/late", "0"));
    assert!(waits.goes_on());
}

fn ten() -> Stage {
    Stage::with(&format!("[pool]\nsize = {SLOTS}\n"))
}

#[test]
fn clients_that_do_not_read_are_told_from_others() {
    let stage = ten();
    let copy = "COPY (SELECT repeat('x', 990) FROM generate_series(1, 200000)) TO STDOUT \
                /*route='/export/7'*/";
    // Nobody reads what they print, so they do not read either.
    let mut deaf: Vec<Deaf> =
        (0..SLOTS).map(|_| Deaf::new(stage.psql(&stage.database), copy)).collect();
    check_holders(
        &stage,
        &Way {
            phase: "client_blocked",
            route: "/export/{}",
            statement: "copy(select repeat(?, ?) from generate_series(?, ?)) to stdout",
        },
    );
    deaf.clear();
}

/// A program whose output is not read. It is killed when it is dropped.
struct Deaf(Child);

impl Deaf {
    fn new(mut psql: Command, statement: &str) -> Self {
        psql.args(["-c", statement]).stdout(Stdio::piped()).stderr(Stdio::null());
        Self(psql.spawn().unwrap())
    }
}

impl Drop for Deaf {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn transactions_that_wait_for_their_application_are_told_from_others() {
    let stage = ten();
    let mut clients: Vec<Session> = (0..SLOTS).map(|_| stage.client()).collect();
    for client in &mut clients {
        client.query("BEGIN").unwrap();
        client.query("SELECT 42 /*route='/cart'*/").unwrap();
    }
    let way = Way { phase: "idle_in_transaction", route: "/cart", statement: "select ?" };
    check_holders(&stage, &way);
    let gap = &stage.show("SHOW GAPS")[0];
    assert_eq!((&*gap["before"], &*gap["after"], &*gap["open"]), ("select ?", "", "10"));
}

#[test]
fn slow_statements_are_told_from_others() {
    let stage = ten();
    let slow: Vec<_> = (0..SLOTS)
        .map(|_| {
            let mut client = stage.client();
            // Ends with an error when the proxy does.
            beside(move || drop(client.query("SELECT pg_sleep(600) /*route='/report'*/")))
        })
        .collect();
    let way = Way { phase: "executing", route: "/report", statement: "select pg_sleep(?)" };
    check_holders(&stage, &way);
    assert!(slow.iter().all(super::stage::Underway::goes_on));
}

/// What the driver of the bulk job saw of its own calls, seconds.
#[derive(Debug, Default)]
struct Seen {
    /// From the answer before the call to the statement after it.
    inner: f64,
    /// From the statement before the call to the answer after it.
    outer: f64,
    /// Whole transactions.
    transactions: f64,
}

/// Rounds of a job that calls somebody else inside of its transaction.
const ROUNDS: usize = 4;

/// How long the call takes.
const CALL: Duration = Duration::from_millis(500);

fn bulk_job(client: &mut Session) -> Seen {
    let mut seen = Seen::default();
    for order in 0..ROUNDS {
        let began = Instant::now();
        client.query("BEGIN").unwrap();
        let paying = Instant::now();
        let pay = format!("INSERT INTO payment VALUES ({order}) /*route='/bulk'*/");
        client.query(&pay).unwrap();
        let paid = Instant::now();
        // The call: a payment service that takes its time.
        std::thread::sleep(CALL);
        seen.inner += paid.elapsed().as_secs_f64();
        client.query(&format!("UPDATE orders SET paid = true WHERE id = {order}")).unwrap();
        seen.outer += paying.elapsed().as_secs_f64();
        client.query("COMMIT").unwrap();
        seen.transactions += began.elapsed().as_secs_f64();
    }
    seen
}

fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?}"))
}

#[test]
fn a_call_inside_of_a_transaction_is_found_with_its_cost() {
    let stage = Stage::new();
    let mut client = stage.client();
    client.query("CREATE TABLE payment (n int); CREATE TABLE orders (id int, paid bool)").unwrap();
    let seen = bulk_job(&mut client);
    let gaps = stage.show("SHOW GAPS");
    let top = &gaps[0];
    assert_eq!(top["route"], "/bulk");
    assert_eq!(top["before"], "insert into payment values (?)");
    assert_eq!(top["after"], "update orders set paid = ? where id = ?");
    assert_eq!(number(top, "count"), ROUNDS as f64);
    // The gap begins before the driver has its answer and ends after it has spoken, so it is as
    // long as one of its measures at least and as the other at most. 2 % for rounding.
    let total = number(top, "total_s");
    assert!((seen.inner * 0.98..=seen.outer * 1.02).contains(&total), "{total} s, {seen:?}");
    let share = number(top, "share_percent") / 100.0;
    assert!(share >= seen.inner / seen.transactions * 0.98, "{share} of all, {seen:?}");
    assert!(share <= 1.0, "{share}");
    let needed = stage.show("SHOW LEDGER");
    let needed = needed.iter().find(|row| row["item"] == "needed").unwrap();
    assert!(number(top, "needed_without") < number(needed, "value"), "{needed:?} {top:?}");
}

/// Seconds of a phase in the ledger.
fn phase_seconds(stage: &Stage, phase: &str) -> f64 {
    let items = stage.show("SHOW LEDGER");
    number(items.iter().find(|row| row["item"] == phase).unwrap(), "value")
}

#[test]
fn postgresql_s_own_count_of_time_agrees() {
    let stage = Stage::new();
    let mut client = stage.client();
    for _ in 0..4 {
        client.query("BEGIN; SELECT pg_sleep(0.4)").unwrap();
        std::thread::sleep(Duration::from_millis(400));
        client.query("COMMIT").unwrap();
    }
    drop(client);
    // A backend has told all it counted when it has ended.
    stage.console().query("RECONNECT").unwrap();
    stage.console().query("WAIT_CLOSE").unwrap();
    let sql = format!(
        "SELECT active_time / 1000, idle_in_transaction_time / 1000 FROM pg_stat_database \
         WHERE datname = '{}' AND idle_in_transaction_time > 0",
        stage.database
    );
    let mut direct = stage.direct("postgres");
    let counted = until("statistics", PATIENCE, || Ok(direct.query(&sql)?.pop())).unwrap();
    let counted = |at: usize| counted[at].as_deref().unwrap().parse::<f64>().unwrap();
    let (active, idle) = (counted(0), counted(1));
    let (executing, waiting) =
        (phase_seconds(&stage, "executing"), phase_seconds(&stage, "idle_in_transaction"));
    // We ask before PostgreSQL begins and hear of it when it has ended: what we count as executing
    // is no shorter, what we count as waiting no longer.
    assert!(executing >= active * 0.99, "executing {executing} s, PostgreSQL says {active} s");
    assert!(waiting <= idle * 1.01, "waiting {waiting} s, PostgreSQL says {idle} s");
    // Together they differ by what lies on the way, which a busy machine makes longer.
    let (ours, theirs) = (executing + waiting, active + idle);
    assert!((theirs * 0.95..theirs * 1.25).contains(&ours), "{ours} s, PostgreSQL says {theirs} s");
}

#[test]
fn the_ledger_is_read_over_http_and_by_top() {
    let stage = Stage::new();
    let mut client = stage.client();
    client.query("BEGIN; SELECT 1 /*route='/open'*/").unwrap();
    let answer = stage.http("/api/v1/ledger", "Connection: close\r\n");
    assert!(answer.contains("\"route\":\"/open\"") && answer.contains("\"drift_seconds\":0.0"));
    let metrics = stage.http("/metrics", "Connection: close\r\n");
    assert!(metrics.contains("\nweir_ledger_drift_seconds 0\n"), "{metrics}");
    let top = |flags: &[&str]| {
        let mut top = Command::new(env!("CARGO_BIN_EXE_weir"));
        top.args(["top", "--once", "--http", &stage.weir.http().unwrap().to_string()]).args(flags);
        weir_testkit::output_within(PATIENCE, &mut top).unwrap()
    };
    let tables = top(&[]);
    assert!(tables.contains("idle_in_transaction") && tables.contains("/open"), "{tables}");
    let json = top(&["--json"]);
    assert!(json.contains("\"phase\":\"idle_in_transaction\""), "{json}");
}

#[test]
fn prepared_statements_copy_and_pinned_clients_are_charged_to_their_phase() {
    let stage = Stage::new();
    let mut client = stage.client();
    client.query("SELECT pg_advisory_lock(1) /*route='/lock'*/").unwrap();
    let pinned = &stage.show("SHOW HOLDERS")[0];
    assert_eq!((&*pinned["phase"], &*pinned["route"]), ("pinned_idle", "/lock"));
    assert_eq!(pinned["pinned"], "advisory lock");
    let items = stage.show("SHOW LEDGER");
    for item in ["drift_ns", "misbooked"] {
        assert_eq!(items.iter().find(|row| row["item"] == item).unwrap()["value"], "0", "{item}");
    }
}
