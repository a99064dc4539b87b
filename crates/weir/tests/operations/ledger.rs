//! What the ledger says of a real server's connections.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use weir_testkit::{PgBouncer, Session, until};

use crate::stage::{PATIENCE, Row, Stage, Underway, beside};

const SLOTS: usize = 10;

/// Ten slots are held. PostgreSQL and a pool's counts look alike; who, for what and why differs.
struct Way {
    phase: &'static str,
    route: &'static str,
    statement: &'static str,
}

/// What PgBouncer's SHOW POOLS says of all three ways: ten clients have ten connections, one waits.
const POOL: [(&str, &str); 7] = [
    ("cl_active", "10"),
    ("cl_waiting", "1"),
    ("sv_active", "10"),
    ("sv_idle", "0"),
    ("sv_used", "0"),
    ("sv_tested", "0"),
    ("sv_login", "0"),
];

/// Somebody who holds a connection while it lives: reached by a port, of a database.
type Holders = Vec<Box<dyn std::any::Any>>;

/// Holds all slots through Weir, which tells who does and for what; then through PgBouncer.
fn check(way: &Way, hold: fn(&Stage, u16) -> Holders) {
    let stage = ten();
    let port = stage.weir.listen().port();
    let held = hold(&stage, port);
    check_holders(&stage, way);
    let waits = wait_for_a_slot(&stage, port);
    let waiter = until("a waiter", PATIENCE, || Ok(stage.show("SHOW WAITERS").pop())).unwrap();
    assert_eq!((&*waiter["route"], &*waiter["ahead"]), ("/late", "0"));
    assert!(waits.goes_on());
    drop(held);
    check_pgbouncer(&stage, hold);
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
}

/// PgBouncer before the same server, with the same slots held in the same way, says what it says
/// of the other ways.
#[expect(clippy::print_stderr, reason = "a comparison that is left out must be seen")]
fn check_pgbouncer(stage: &Stage, hold: fn(&Stage, u16) -> Holders) {
    if !PgBouncer::is_installed() {
        assert!(std::env::var_os("CI").is_none(), "PgBouncer is not installed: see .ci/run");
        eprintln!("--- NOT COMPARED: PgBouncer is not installed");
        return;
    }
    let size = SLOTS.to_string();
    let settings = [("pool_mode", "transaction"), ("default_pool_size", &*size)];
    let bouncer = PgBouncer::start(stage.server(), &settings).unwrap();
    let _held = hold(stage, bouncer.port());
    let pool = |column: &str, value: &str| {
        let mine = |row: &Row| row["database"] == stage.database;
        let row = stage.show_at(bouncer.port(), "pgbouncer", "SHOW POOLS").into_iter().find(mine);
        row.is_some_and(|row| row[column] == value)
    };
    until("PgBouncer's slots to be held", PATIENCE, || Ok(pool("sv_active", &size).then_some(())))
        .unwrap();
    let _waits = wait_for_a_slot(stage, bouncer.port());
    until("PgBouncer to say what it says of every way", PATIENCE, || {
        Ok(POOL.iter().all(|(column, value)| pool(column, value)).then_some(()))
    })
    .unwrap();
}

/// One client more.
fn wait_for_a_slot(stage: &Stage, port: u16) -> Underway<()> {
    let mut waiting = Session::tcp(port, "postgres", &stage.database).unwrap();
    // Ends with an error when the proxy does.
    beside(move || drop(waiting.query("SELECT 1 /*route='/late'*/")))
}

fn ten() -> Stage {
    Stage::with(&format!("[pool]\nsize = {SLOTS}\n"))
}

#[test]
fn clients_that_do_not_read_are_told_from_others() {
    let way = Way {
        phase: "client_blocked",
        route: "/export/{}",
        statement: "copy(select repeat(?, ?) from generate_series(?, ?)) to stdout",
    };
    check(&way, |stage, port| {
        let copy = "COPY (SELECT repeat('x', 990) FROM generate_series(1, 200000)) TO STDOUT \
                    /*route='/export/7'*/";
        // Nobody reads what they print, so they do not read either.
        let deaf = || Box::new(Deaf::new(stage.psql_at(port, &stage.database), copy)) as _;
        (0..SLOTS).map(|_| deaf()).collect()
    });
}

/// A program whose output is not read. It is killed when it is dropped.
pub(crate) struct Deaf(Child);

impl Deaf {
    pub(crate) fn new(mut psql: Command, statement: &str) -> Self {
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
    let way = Way { phase: "idle_in_transaction", route: "/cart", statement: "select ?" };
    check(&way, |stage, port| {
        let idle = || {
            let mut client = Session::tcp(port, "postgres", &stage.database).unwrap();
            client.query("BEGIN").unwrap();
            client.query("SELECT 42 /*route='/cart'*/").unwrap();
            Box::new(client) as _
        };
        (0..SLOTS).map(|_| idle()).collect()
    });
}

#[test]
fn a_gap_that_lasts_is_seen_with_those_who_wait_in_it() {
    let stage = ten();
    let mut clients: Vec<Session> = (0..SLOTS).map(|_| stage.client()).collect();
    for client in &mut clients {
        client.query("BEGIN").unwrap();
        client.query("SELECT 42 /*route='/cart'*/").unwrap();
    }
    let gap = &stage.show("SHOW GAPS")[0];
    assert_eq!((&*gap["before"], &*gap["after"], &*gap["open"]), ("select ?", "", "10"));
}

#[test]
fn slow_statements_are_told_from_others() {
    let way = Way { phase: "executing", route: "/report", statement: "select pg_sleep(?)" };
    check(&way, |stage, port| {
        let slow = || {
            let mut psql = stage.psql_at(port, &stage.database);
            psql.stdin(Stdio::null());
            Box::new(Deaf::new(psql, "SELECT pg_sleep(600) /*route='/report'*/")) as _
        };
        (0..SLOTS).map(|_| slow()).collect()
    });
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
    assert!(!tables.contains("healing is frozen"), "{tables}");
    stage.console().query("FREEZE").unwrap();
    let frozen = top(&[]);
    assert!(frozen.contains("\nhealing is frozen"), "{frozen}");
}

#[test]
fn copy_into_a_table_is_charged_while_it_waits_for_its_data() {
    let stage = Stage::new();
    stage.direct(&stage.database).query("CREATE TABLE t (n int)").unwrap();
    let mut psql = stage.psql(&stage.database);
    psql.args(["-c", "COPY t FROM STDIN /*route='/import'*/"]).stdin(Stdio::piped());
    let mut copy = psql.spawn().unwrap();
    let copying = |row: &Row| row["phase"] == "copy_in" && row["route"] == "/import";
    until("a holder in phase copy_in", PATIENCE, || {
        Ok(stage.show("SHOW HOLDERS").iter().any(copying).then_some(()))
    })
    .unwrap();
    let mut data = copy.stdin.take().unwrap();
    data.write_all(b"1\n2\n").unwrap();
    // The end of the data is the end of the COPY.
    drop(data);
    assert!(copy.wait().unwrap().success());
    until("the connection to be given back", PATIENCE, || {
        Ok(stage.show("SHOW HOLDERS").is_empty().then_some(()))
    })
    .unwrap();
    assert!(item(&stage, "copy_in") > 0.0);
    assert_eq!(stage.client().value("SELECT count(*) FROM t").unwrap(), "2");
    check_books(&stage);
}

#[test]
fn a_pinned_client_is_charged_between_its_transactions() {
    let stage = Stage::new();
    let mut client = stage.client();
    client.query("SELECT pg_advisory_lock(1) /*route='/lock'*/").unwrap();
    // Weir first asks PostgreSQL what the transaction left behind.
    let pinned = until("a pinned client", PATIENCE, || {
        let first = stage.show("SHOW HOLDERS").into_iter().next();
        Ok(first.filter(|row| row["phase"] == "pinned_idle"))
    })
    .unwrap();
    assert_eq!(pinned["route"], "/lock");
    assert_eq!(pinned["pinned"], "advisory lock");
    check_books(&stage);
}

/// The law holds, and every connection is in the phase in which it should be.
fn check_books(stage: &Stage) {
    let items = stage.show("SHOW LEDGER");
    for item in ["drift_ns", "misbooked"] {
        assert_eq!(items.iter().find(|row| row["item"] == item).unwrap()["value"], "0", "{item}");
    }
}

/// A number in a row.
pub(crate) fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?}"))
}

/// An item of SHOW LEDGER.
pub(crate) fn item(stage: &Stage, name: &str) -> f64 {
    let items = stage.show("SHOW LEDGER");
    number(items.iter().find(|row| row["item"] == name).unwrap(), "value")
}
