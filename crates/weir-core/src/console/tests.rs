//! The console as data: what texts mean, and that every table keeps its shape.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::config::settings::Settings;
use crate::dispatch::Policy;
use crate::healing::{
    Door, Exempted, Healer, Origin, Record, Rules, Scene, Sign, Step, Subject, Ward,
};
use crate::ids::{ClassId, PoolId};
use crate::incident::report::{Otherwise, Story};
use crate::incident::{self, Flight, IncidentDesk, Moment, Signals};
use crate::ledger::{
    ClassKind, ClassRow, ClassSums, GapRow, GapSums, Histogram, HolderRow, LedgerSnapshot, Phase,
    PhaseTimes, Picture, Recorder, WaiterRow,
};
use crate::pool::{Mode, PoolView};
use crate::session::{PoolMode, Tally};
use crate::time::Instant;
use weir_wire::sql::Fingerprint;

/// A ledger with one of everything.
fn ledger() -> LedgerSnapshot {
    let mut sums = ClassSums { claims: 2, transactions: 1, ..ClassSums::default() };
    sums.times.charge(Phase::IdleInTransaction, 2_000_000_000);
    let mut gap = GapSums::default();
    gap.record(Duration::from_secs(2));
    let name = |text: &str| -> Arc<str> { text.into() };
    LedgerSnapshot {
        times: sums.times,
        open_nanos: sums.times.total(),
        open: 1,
        classes: vec![ClassRow {
            key: (0, 2),
            label: name("/pay"),
            kind: ClassKind::Tag,
            sums,
            holding: 1,
            waiting: 1,
        }],
        holders: vec![HolderRow {
            server: Serial(64),
            backend: 77,
            database: name("d"),
            user: name("u"),
            client: Some(Serial(128)),
            client_user: name("u"),
            application: name("shop"),
            address: name("unix"),
            route: name("/pay"),
            kind: ClassKind::Tag,
            phase: Phase::IdleInTransaction,
            phase_for: Duration::from_millis(1500),
            held_for: Duration::from_secs(2),
            statement: name("insert into payment values (?)"),
            fingerprint: Fingerprint(255),
            statement_for: Duration::from_secs(2),
            pinned: String::new(),
        }],
        waiters: vec![WaiterRow {
            client: Serial(192),
            database: name("d"),
            user: name("u"),
            application: name("shop"),
            address: name("unix"),
            route: name("/pay"),
            waited: Duration::from_millis(250),
            ahead: 0,
        }],
        gaps: vec![GapRow {
            route: name("/pay"),
            before: name("insert into payment values (?)"),
            before_fingerprint: Fingerprint(255),
            after: name("update orders set paid = ?"),
            after_fingerprint: Fingerprint(254),
            sums: gap,
            open: 0,
        }],
        visits: vec![Histogram::default(); Phase::COUNT],
        ..LedgerSnapshot::default()
    }
}

fn read(text: &str) -> Vec<Result<Command, String>> {
    let told = |notice: crate::session::Notice| {
        format!("{} {} {}", notice.sqlstate, notice.message, notice.hint)
    };
    parse(text.as_bytes()).into_iter().map(|command| command.map_err(told)).collect()
}

#[test]
fn texts_are_read_as_commands() {
    let check = |text: &str, expected: Command| assert_eq!(read(text), [Ok(expected)], "{text}");
    let some = |name: &str| Some(name.to_owned());
    check("SHOW POOLS", Command::Show(Topic::Pools));
    check("  show\n/* x */ Stats_Totals ; -- y", Command::Show(Topic::StatsTotals));
    check("SHOW", Command::Help);
    check("show help;", Command::Help);
    check("SHOW TRANSACTION ISOLATION LEVEL", Command::Parameter(&Parameter::ALL[6]));
    check("SHOW TIME ZONE", Command::Parameter(&Parameter::ALL[5]));
    check("PAUSE", Command::Operate(Operation::Pause(None)));
    check("pause MyDb;", Command::Operate(Operation::Pause(some("MyDb"))));
    check("PAUSE my-db.2", Command::Operate(Operation::Pause(some("my-db.2"))));
    check("PAUSE 2db", Command::Operate(Operation::Pause(some("2db"))));
    check("PAUSE \"a b\"\"c\"", Command::Operate(Operation::Pause(some("a b\"c"))));
    check("RESUME 'it''s'", Command::Operate(Operation::Resume(some("it's"))));
    check("WAIT_CLOSE d", Command::Operate(Operation::WaitClose(some("d"))));
    check("KILL_CLIENT 192", Command::Operate(Operation::KillClient(192)));
    check("evict 7", Command::Operate(Operation::End(Means::Evict, 7)));
    check("CANCEL 7", Command::Operate(Operation::End(Means::Cancel, 7)));
    check("CLOSE_SERVER 7", Command::Operate(Operation::End(Means::CloseServer, 7)));
    check("Shutdown", Command::Operate(Operation::Shutdown(Shutdown::Now)));
    let waiting = Operation::Shutdown(Shutdown::WaitForClients);
    check("SHUTDOWN wait_for_clients", Command::Operate(waiting));
    check("SET extra_float_digits=3", Command::SetIgnored);
    check("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", Command::SetIgnored);
    check("SET TIME ZONE 'UTC'", Command::SetIgnored);
    check("BEGIN", Command::Transaction("BEGIN"));
}

#[test]
fn orders_to_the_healers_are_read_from_text_and_from_json() {
    let check = |text: &str, verb: &str, body: &str, expected: Intervention| {
        let command = |dry_run| Command::Heal { order: expected.clone(), dry_run };
        assert_eq!(read(text), [Ok(command(false))], "{text}");
        assert_eq!(read(&format!("{text} Dry Run;")), [Ok(command(true))], "{text}");
        let asked: HealingRequest = serde_json::from_str(body).expect(body);
        assert_eq!(asked.order(verb), Ok(expected), "{body}");
    };
    let route = || "/a".to_owned();
    let evict = |whom, force| Intervention::Evict { whom, force };
    check("EVICT CLIENT 7", "evict", r#"{"client":7}"#, evict(Victims::Client(Serial(7)), false));
    check(
        "evict route /a force",
        "evict",
        r#"{"route":"/a","force":true}"#,
        evict(Victims::Route(route()), true),
    );
    check(
        "EVICT ROUTE \"force\"",
        "evict",
        r#"{"route":"force"}"#,
        evict(Victims::Route("force".into()), false),
    );
    let cap = |slots| Intervention::Cap { route: route(), slots };
    check("CAP ROUTE /a 3", "cap", r#"{"route":"/a","slots":3}"#, cap(Some(3)));
    check("CAP ROUTE /a OFF", "cap", r#"{"route":"/a","off":true}"#, cap(None));
    let exempt = |whom, off| Intervention::Exempt { whom, off };
    check(
        "EXEMPT USER eve",
        "exempt",
        r#"{"user":"eve"}"#,
        exempt(Exempted::User("eve".into()), false),
    );
    check(
        "EXEMPT APPLICATION \"nightly job\" OFF",
        "exempt",
        r#"{"application":"nightly job","off":true}"#,
        exempt(Exempted::Application("nightly job".into()), true),
    );
    let fingerprint = Subject::Fingerprint(Fingerprint(255));
    check(
        "QUARANTINE FINGERPRINT 00000000000000ff",
        "quarantine",
        r#"{"fingerprint":"00000000000000ff"}"#,
        Intervention::Quarantine { subject: fingerprint, off: false },
    );
    check(
        "QUARANTINE ROUTE /a OFF",
        "quarantine",
        r#"{"route":"/a","off":true}"#,
        Intervention::Quarantine { subject: Subject::Route("/a".into()), off: true },
    );
    check("FREEZE", "freeze", "{}", Intervention::Freeze);
    check("UNFREEZE", "unfreeze", "{}", Intervention::Unfreeze);
    for (verb, body) in [("evict", "{}"), ("cap", r#"{"route":"/a"}"#), ("exempt", "{}")] {
        let asked: HealingRequest = serde_json::from_str(body).expect(body);
        assert!(matches!(asked.order(verb), Err(Some(_))), "{verb} {body}");
    }
    assert_eq!(HealingRequest::default().order("destroy"), Err(None));
}

#[test]
fn what_cannot_be_read_is_told_with_what_is_near() {
    let check = |text: &str, code: &str, told: &str| {
        let read = read(text);
        let [Err(error)] = read.as_slice() else { panic!("{text} is read as {read:?}") };
        assert!(error.starts_with(code) && error.contains(told), "{text}: {error}");
    };
    check("PUASE", "42601", "Did you mean PAUSE?");
    check("SELECT 1", "42601", "SHOW HELP");
    check("SHOW CLEINTS", "42601", "Did you mean SHOW CLIENTS?");
    check("SHOW FDS", "0A000", "hand-over");
    check("SUSPEND", "0A000", "PAUSE");
    check("SET pool_mode = session", "0A000", "RELOAD");
    check("PAUSE a b", "42601", "too many words");
    check("DISABLE", "42601", "DISABLE database");
    check("KILL_CLIENT", "42601", "KILL_CLIENT id");
    check("EVICT", "42601", "EVICT needs an id");
    check("CANCEL 1 2", "42601", "too many words");
    check("KILL_CLIENT x", "42601", "is no id");
    check("KILL_CLIENT -1", "42601", "is no id");
    check("SHUTDOWN now", "42601", "WAIT_FOR_SERVERS");
    check("RELOAD x", "42601", "RELOAD x");
    check("EVICT CLIENT", "42601", "is no id");
    check("EVICT CLIENT x", "42601", "EVICT id | CLIENT id");
    check("CAP ROUTE /a 0", "42601", "CAP ROUTE name");
    check("QUARANTINE FINGERPRINT ff", "42601", "digits");
    check("FREEZE everything", "42601", "FREEZE [DRY RUN]");
    check("EXEMPT ROLE eve", "42601", "EXEMPT USER");
}

#[test]
fn statements_are_split_and_any_bytes_are_survived() {
    assert_eq!(read("SHOW POOLS; ; PAUSE;").len(), 2);
    assert_eq!(read(" -- nothing\n;;").len(), 0);
    assert!(read("SHOW 'x").iter().all(Result::is_err));
    for byte in 0..=u8::MAX {
        let _ = parse(&[byte, b'"', byte, b';', byte]);
    }
}

/// A pool that has done so many transactions.
pub(crate) fn pool(database: &str, transactions: u64) -> PoolRow {
    PoolRow {
        database: database.into(),
        user: "u\"x".into(),
        mode: PoolMode::Transaction,
        view: PoolView {
            mode: Mode::Running,
            idle: 1,
            active: 2,
            settling: 0,
            checking: 0,
            dialling: 0,
            abandoned: 0,
            closing: 0,
            waiting: 3,
            oldest_wait_since: None,
            size_max: 4,
            size_min: 1,
            failures: 0,
            retry_at: None,
            fault: None,
        },
        tally: Tally { transactions, ..Tally::default() },
        traffic: Traffic::default(),
        waits: Histogram::default(),
        clients: 9,
        clients_idle_in_transaction: 1,
        cancels_asked: 0,
        cancels: 0,
        stale: 0,
        wait_max: Duration::from_millis(1500),
        address: "h:5432".into(),
        phases: [1; Phase::COUNT],
        times: PhaseTimes::default(),
        server_database: database.into(),
    }
}

fn client() -> ClientRow {
    ClientRow {
        id: Serial::new(3, 5),
        user: "u".into(),
        database: "d".into(),
        application: "a".into(),
        address: "127.0.0.1:5000".into(),
        local: "127.0.0.1:6432".into(),
        activity: Activity::Idle,
        age: Duration::from_secs(3600),
        idle: Duration::ZERO,
        waited: Duration::ZERO,
        transaction: None,
        backend: None,
        server: None,
        pinned: String::new(),
        statements: 0,
        tls: true,
    }
}

fn server() -> ServerRow {
    ServerRow {
        id: Serial::new(3, 6),
        database: "d".into(),
        user: "u".into(),
        address: "h:5432".into(),
        local: "127.0.0.1:40000".into(),
        activity: ServerActivity::Active,
        backend: 77,
        age: Duration::ZERO,
        assigned: Duration::ZERO,
        leased: Some(Duration::from_millis(12)),
        client: Some(Serial::new(3, 5)),
        application: "a".into(),
        statements: 1,
        tls: false,
        stale: true,
    }
}

/// An incident that has just opened.
fn story() -> Story {
    let mut desk = IncidentDesk::new(incident::Rules::default(), 1);
    for refused_total in [0, 5] {
        let signals = Signals { requests_total: 9, refused_total, ..Signals::default() };
        desk.observe(Moment::default(), &[], &signals);
    }
    let incident = desk.open_incident().unwrap();
    Story {
        incident,
        events: Vec::new(),
        flight: Flight::default(),
        price: None,
        otherwise: Otherwise::NotRecorded,
        routes: Vec::new(),
    }
}

/// A healer that has done one thing, and one quarantine.
fn healing() -> HealingSnapshot {
    let mut healer = Healer::default();
    let scene = Scene {
        pool: PoolId(0),
        holders: &[],
        waiting: 5,
        oldest: Duration::from_secs(1),
        classes: None,
    };
    let sign =
        Sign { number: 7, step: Step::Cap, route: "/pay".into(), slots: 2, why: "slow".into() };
    healer.sign(Instant::ZERO, scene, &Rules::default(), sign);
    let mut door = Door::default();
    let whom = (Subject::Route("/pay".into()), None);
    door.close(Instant::ZERO, whom, (Origin::Operator, "ordered".into()));
    let action = |record: &Record| ActionRow {
        record: record.clone(),
        ago: Duration::from_secs(2),
        database: "d".into(),
        pool_user: "u".into(),
    };
    let ward = |ward: &Ward| WardRow {
        ward: ward.clone(),
        database: Some("d".into()),
        since: Duration::from_secs(3),
        next: Duration::from_millis(500),
    };
    let mut dispatch = crate::dispatch::Dispatch::new(Policy::Fair, 4);
    dispatch.cap(ClassId(1), Some(2));
    let cap = |view| CapRow {
        database: "d".into(),
        pool_user: "u".into(),
        route: "/pay".into(),
        view,
        enforced: true,
    };
    HealingSnapshot {
        total: *healer.total(),
        week: *healer.total(),
        quarantined: 1,
        actions: healer.records().map(action).collect(),
        wards: door.wards().iter().map(ward).collect(),
        caps: dispatch.views().map(cap).collect(),
        ..HealingSnapshot::default()
    }
}

/// Calls with a view of these pools, one client and one server connection.
fn with_view<R>(pools: Vec<PoolRow>, call: impl FnOnce(&View<'_>) -> R) -> R {
    let stores = vec![Store { name: "client", size: 10, used: 2, free: 1 }];
    let snapshot = Snapshot {
        pools,
        clients: vec![client()],
        servers: vec![server()],
        stores,
        statements: 0,
        ledger: ledger(),
        healing: healing(),
        controls: Vec::new(),
    };
    let config = [ConfigRow {
        key: "pool.size".into(),
        value: "4".into(),
        default: Some("20".into()),
        changeable: true,
    }];
    call(&View {
        version: "Weir 0",
        now: Instant::from_millis(10_000),
        unix_seconds: 7200,
        settings: &Settings::default(),
        config: &config,
        snapshot: &snapshot,
        ledger: &Picture::of(&ledger(), &Recorder::default(), Duration::from_secs(10), 4),
        incidents: &[Arc::new(story())],
        history: &History::default(),
        holds: &Holds::default(),
        stopping: false,
        logins: 0,
        resident_bytes: 1 << 20,
    })
}

#[test]
fn every_row_has_a_value_of_the_right_type_for_each_column() {
    with_view(vec![pool("d", 20)], |view| {
        for topic in Topic::ALL {
            let table = topic.table();
            let answer = table.answer(view, 100);
            assert!(!answer.rows.is_empty(), "SHOW {} has no row", table.name());
            for row in &answer.rows {
                assert_eq!(row.len(), table.headings().len());
                for (heading, value) in table.headings().iter().zip(row) {
                    let fits = match value {
                        Value::Null => true,
                        Value::Text(_) => heading.kind == Kind::Text,
                        Value::Number(_) => heading.kind != Kind::Text,
                        Value::Thousandths(_) => heading.kind == Kind::Numeric,
                    };
                    assert!(fits, "{}.{} is {value:?}", table.name(), heading.name);
                }
            }
        }
    });
}

#[test]
fn columns_are_named_once_explained_and_ours_come_last() {
    for topic in Topic::ALL {
        let headings = topic.table().headings();
        for (at, heading) in headings.iter().enumerate() {
            assert!(heading.about.ends_with('.'), "{} has no sentence", heading.name);
            assert!(headings[..at].iter().all(|before| before.name != heading.name));
            assert!(heading.ours || headings[..at].iter().all(|before| !before.ours));
        }
    }
}

#[test]
fn the_ledger_is_shown_with_names_seconds_and_needs() {
    with_view(vec![pool("d", 20)], |view| {
        let shown = |topic: Topic, column: &str| {
            let table = topic.table();
            let at = table.headings().iter().position(|heading| heading.name == column).unwrap();
            table.answer(view, 10).rows[0][at].text().unwrap_or_default().into_owned()
        };
        assert_eq!(shown(Topic::Holders, "route"), "/pay");
        assert_eq!(shown(Topic::Holders, "phase_s"), "1.500");
        assert_eq!(shown(Topic::Waiters, "waited_s"), "0.250");
        assert_eq!(shown(Topic::Routes, "idle_in_transaction_s"), "2.000");
        // Two claims in ten seconds, two seconds each.
        assert_eq!(shown(Topic::Routes, "needed"), "0.400");
        assert_eq!(shown(Topic::Gaps, "share_percent"), "100.000");
        assert_eq!(shown(Topic::Gaps, "needed_without"), "0.000");
        let text = metrics(view);
        for line in [
            "weir_ledger_drift_seconds 0",
            "weir_slots_needed 0.4",
            "weir_route_slots{route=\"/pay\",state=\"idle_in_transaction\"} 0.2",
            "db_client_connection_use_time_seconds_sum{state=\"idle_in_transaction\"} 2",
            "db_client_connection_wait_time_seconds_bucket{le=\"+Inf\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    });
}

#[test]
fn answers_are_cut_at_a_bound() {
    let pools = (0..5).map(|n| pool(&format!("d{n}"), 0)).collect();
    with_view(pools, |view| {
        let answer = Topic::Pools.table().answer(view, 3);
        assert_eq!((answer.rows.len(), answer.left_out), (3, 2));
    });
}

#[test]
fn averages_are_of_the_time_since_the_start_at_first() {
    with_view(vec![pool("d", 20), pool("d", 30)], |view| {
        let value = |topic: Topic, column: &str| {
            let at = topic.table().headings().iter().position(|h| h.name == column).unwrap();
            topic.table().answer(view, 9).rows[0][at].clone()
        };
        assert_eq!(value(Topic::Stats, "total_xact_count"), Value::Number(50));
        assert_eq!(value(Topic::Stats, "avg_xact_count"), Value::Number(5));
        assert_eq!(value(Topic::Clients, "connect_time"), "1970-01-01 01:00:00 UTC".into());
        assert_eq!(value(Topic::Pools, "maxwait_us"), Value::Number(500_000));
    });
}

#[test]
fn metrics_escape_labels_and_sum_up_what_is_too_many() {
    let most = crate::config::limits::METRIC_POOLS;
    let pools = (0..most + 2).map(|n| pool(&format!("d{n}"), 1)).collect();
    let text = with_view(pools, metrics);
    assert!(text.contains("weir_up 1\n"));
    assert!(text.contains("weir_pool_slots{database=\"d0\",user=\"u\\\"x\"} 4\n"));
    assert!(text.contains("weir_transactions_total{database=\"other\",user=\"other\"} 2\n"));
    assert_eq!(text.matches("weir_pool_slots{").count(), most + 1);
}

#[test]
fn snapshots_of_workers_are_put_together() {
    let store = |used| Store { name: "client", size: 10, used, free: 1 };
    let one = |database: &str, used| Snapshot {
        pools: vec![pool(database, 1)],
        stores: vec![store(used)],
        ..Snapshot::default()
    };
    let mut whole = one("b", 2);
    whole.merge(one("a", 3));
    whole.sort();
    let names: Vec<Arc<str>> = whole.pools.iter().map(|pool| Arc::clone(&pool.database)).collect();
    assert_eq!(names, ["a".into(), "b".into()]);
    assert_eq!(whole.stores, [Store { used: 5, free: 2, ..store(0) }]);
    assert_eq!(Serial::new(63, 2).worker(), 63);
}

#[test]
fn a_collector_gets_every_metric_with_bounded_attributes() {
    let most = crate::config::limits::METRIC_POOLS;
    let pools = (0..most + 2).map(|n| pool(&format!("d{n}"), 1)).collect();
    let period = Period { start_nanos: 5, now_nanos: 17 };
    let (text, body) = with_view(pools, |view| (metrics(view), otlp(view, "a", period)));
    let resource = &body["resourceMetrics"][0];
    let metrics = resource["scopeMetrics"][0]["metrics"].as_array().unwrap();
    assert_eq!(metrics.len(), text.matches("# TYPE ").count());
    let named = |name: &str| metrics.iter().find(|metric| metric["name"] == name).unwrap();
    let slots = named("weir.pool_slots")["gauge"]["dataPoints"].as_array().unwrap();
    assert_eq!(slots.len(), most + 1);
    assert_eq!((&slots[0]["asDouble"], &slots[0]["timeUnixNano"]), (&4.0.into(), &"17".into()));
    let transactions = &named("weir.transactions")["sum"];
    assert_eq!(
        (&transactions["isMonotonic"], &transactions["aggregationTemporality"]),
        (&true.into(), &2.into())
    );
    let max = &named("db.client.connection.max")["gauge"]["dataPoints"][0]["attributes"][0];
    assert_eq!(max["key"], "db.client.connection.pool.name");
    assert_eq!(max["value"]["stringValue"], "u\"x@d0");
    let used = &named("db.client.connection.use_time")["histogram"]["dataPoints"];
    assert_eq!(used[6]["attributes"][0]["value"]["stringValue"], "idle_in_transaction");
    assert_eq!(used[6]["sum"], 2.0);
}
