//! What the ledger says against what others know: the driver's own clock, the mended code, and
//! PostgreSQL's statistics.

use std::time::{Duration, Instant};

use weir_testkit::{Session, until};

use crate::ledger::{item, number};
use crate::stage::{PATIENCE, Stage, Underway, beside};

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

/// Clients of either form of the job.
const CLIENTS: u32 = 12;

/// Each begins one in this time, whatever became of the one before.
const PERIOD: Duration = Duration::from_millis(400);

/// How often.
const BEGINNINGS: u32 = 12;

/// Clients that begin on schedule; `fixed` ones call outside of their transactions.
fn clients(stage: &Stage, fixed: bool) -> Vec<Underway<()>> {
    let client = |at: u32| {
        let mut client = stage.client();
        beside(move || {
            let start = Instant::now() + PERIOD * at / CLIENTS;
            for beginning in 0..BEGINNINGS {
                let due = start + PERIOD * beginning;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                journey(&mut client, fixed).unwrap();
            }
        })
    };
    (0..CLIENTS).map(client).collect()
}

/// Two statements with a call between them.
fn journey(client: &mut Session, fixed: bool) -> anyhow::Result<()> {
    let call = || std::thread::sleep(Duration::from_millis(200));
    client.query("BEGIN")?;
    client.query("SELECT pg_sleep(0.05) /*route='/bulk'*/")?;
    if fixed {
        client.query("COMMIT")?;
    }
    call();
    if fixed {
        client.query("BEGIN")?;
    }
    client.query("SELECT pg_sleep(0.05), 2 /*route='/bulk'*/")?;
    client.query("COMMIT").map(drop)
}

/// Slots: as many as are needed as it is, without the call, and that the mended code then uses.
fn foretold() -> (f64, f64, f64) {
    let pool = "[pool]\nsize = 20\n";
    let (as_it_is, mended) = (Stage::with(pool), Stage::with(pool));
    // Both at the same time, so that a busy machine is busy for both.
    let (one, other) = (clients(&as_it_is, false), clients(&mended, true));
    one.into_iter().chain(other).for_each(Underway::end);
    let gaps = as_it_is.show("SHOW GAPS");
    assert_eq!(gaps[0]["before"], "select pg_sleep(?)");
    assert_eq!(gaps[0]["after"], "select pg_sleep(?), ?");
    (item(&as_it_is, "needed"), number(&gaps[0], "needed_without"), item(&mended, "held"))
}

/// How often it is tried: a machine that stands still while one of both works, but not the other,
/// makes another world of each.
const TRIES: usize = 6;

#[test]
fn what_the_ledger_foretells_is_what_the_mended_code_uses() {
    let mut all = Vec::new();
    let fits = (0..TRIES).any(|_| {
        let (needed, foretold, used) = foretold();
        all.push((needed, foretold, used));
        // The call costs slots, and what is foretold without it is what is used.
        (foretold - used).abs() <= 1.0 && needed - foretold >= 2.0
    });
    assert!(fits, "needed, foretold without the call, used: {all:?}");
}

/// What PostgreSQL counted for a database whose sessions have ended, in seconds: sessions, active,
/// idle in transactions.
fn counted(stage: &Stage) -> [f64; 3] {
    // A backend has told all it counted when it has ended, which is some time after its connection.
    stage.console().query("RECONNECT").unwrap();
    stage.console().query("WAIT_CLOSE").unwrap();
    let mut direct = stage.direct("postgres");
    let left =
        format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{}'", stage.database);
    let ended = || Ok((direct.value(&left)? == "0").then_some(()));
    until("the end of the backends", PATIENCE, ended).unwrap();
    let sql = format!(
        "SELECT session_time / 1000, active_time / 1000, idle_in_transaction_time / 1000 \
         FROM pg_stat_database WHERE datname = '{}' AND idle_in_transaction_time > 0",
        stage.database
    );
    let row = until("statistics", PATIENCE, || Ok(direct.query(&sql)?.pop())).unwrap();
    [0, 1, 2].map(|at| row[at].as_deref().unwrap().parse().unwrap())
}

/// Transactions of one client with a statement and a pause of the same length. Returns how many
/// seconds they took as the client sees it.
fn take_turns(client: &mut Session, times: u32, length: Duration) -> f64 {
    let statement = format!("BEGIN; SELECT pg_sleep({})", length.as_secs_f64());
    let mut seen = 0.0;
    for _ in 0..times {
        let began = Instant::now();
        client.query(&statement).unwrap();
        std::thread::sleep(length);
        client.query("COMMIT").unwrap();
        seen += began.elapsed().as_secs_f64();
    }
    seen
}

/// The ledger's and PostgreSQL's seconds: executing and idle in transactions.
fn compare(stage: &Stage) -> [(f64, f64); 2] {
    let [_, active, idle] = counted(stage);
    let (executing, waiting) = (item(stage, "executing"), item(stage, "idle_in_transaction"));
    // We ask before PostgreSQL begins and hear of it when it has ended: what we count as executing
    // is no shorter, what we count as waiting no longer.
    assert!(executing >= active * 0.99, "executing {executing} s, PostgreSQL says {active} s");
    assert!(waiting <= idle * 1.01, "waiting {waiting} s, PostgreSQL says {idle} s");
    [(executing, active), (waiting, idle)]
}

#[test]
fn postgresql_s_own_count_of_time_agrees() {
    let stage = Stage::new();
    let seen = take_turns(&mut stage.client(), 4, Duration::from_millis(400));
    let [(executing, active), (waiting, idle)] = compare(&stage);
    // Weir stands between both: it hears of a transaction before PostgreSQL and of its end after
    // it, and the client the other way round. What lies on the way, a busy machine makes longer.
    let (ours, theirs) = (executing + waiting, active + idle);
    assert!(theirs * 0.97 <= ours, "{ours} s, PostgreSQL says {theirs} s");
    assert!(ours <= seen * 1.03, "{ours} s, the client says {seen} s");
}

/// How long server connections were open, login included.
fn open_seconds(stage: &Stage) -> f64 {
    let phases = [
        "connecting",
        "idle",
        "resetting",
        "executing",
        "client_blocked",
        "copy_in",
        "idle_in_transaction",
        "pinned_idle",
        "cancel_settling",
        "draining",
    ];
    phases.iter().map(|phase| item(stage, phase)).sum()
}

/// A minute of four clients, on a machine that has nothing else to do.
#[test]
#[ignore = "takes a minute, and needs a machine of its own"]
fn postgresql_s_own_count_of_a_minute_agrees_within_a_hundredth() {
    let stage = Stage::with("[pool]\nsize = 8\n");
    let turns: Vec<_> = (0..4)
        .map(|_| {
            let mut client = stage.client();
            beside(move || _ = take_turns(&mut client, 30, Duration::from_millis(900)))
        })
        .collect();
    turns.into_iter().for_each(Underway::end);
    let [sessions, ..] = counted(&stage);
    let mut pairs = compare(&stage).to_vec();
    pairs.push((open_seconds(&stage), sessions));
    eprintln!(
        "the ledger's and PostgreSQL's seconds: executing, idle in transactions, open: {pairs:?}"
    );
    for (ours, theirs) in pairs {
        assert!((ours - theirs).abs() <= theirs * 0.01, "{ours} s, PostgreSQL says {theirs} s");
    }
}
