//! No byte of one client reaches another: many clients with tags share three server connections,
//! a different one for each transaction, while servers are killed, frozen and restarted.
//!
//! Ten seconds by default; `WEIR_TORTURE_SECONDS` makes it longer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use weir_testkit::{Certificates, Options, PgServer, Stop, Want};

use crate::actor::Actor;
use crate::books::Books;
use crate::chance::Chance;
use crate::stage::{Stage, Upstream};

const CLIENTS: usize = 40;

/// Server connections that the clients share.
const SLOTS: u32 = 3;

#[test]
fn every_answer_is_the_askers() {
    check(options(15), SLOTS, "size_min = 3");
}

/// The same with TLS to the server: what is read and what is sent pass through another layer.
#[test]
fn every_answer_is_the_askers_over_tls() {
    let certificate = Certificates::new("nobody").unwrap().server;
    let more = "size_min = 3\n[tls.server]\nmode = \"require\"";
    check(options(15).tls(certificate), SLOTS, more);
}

/// Two workers that serve one pool and lend each other its slots.
#[test]
fn every_answer_is_the_askers_with_two_workers() {
    check(options(15), 4, "workers = 2\n[workers]\ncount = 2");
}

#[test]
fn every_answer_is_the_askers_on_postgresql_18() {
    check(options(18), SLOTS, "");
}

/// A parallel worker that is killed is an error of its statement, not the end of a connection.
fn options(major: u16) -> Options {
    Options::new(Want::major(major)).set("max_parallel_workers_per_gather", "0")
}

fn check(options: Options, slots: u32, more: &str) {
    let seconds = std::env::var("WEIR_TORTURE_SECONDS").ok();
    let seconds = seconds.map_or(10, |text| text.parse().unwrap());
    let seed = Chance::seed();
    let server = Upstream::Own(Box::new(PgServer::start(options).unwrap()));
    let mut stage = Stage::before(server, slots, more);
    stage.client().query("CREATE TABLE moved (tag text, mark text, n int)");
    let (port, database) = (stage.port(), stage.database().to_owned());
    let over = AtomicBool::new(false);
    let books = Books::watch(&stage);
    let (ends, done, kills) = std::thread::scope(|scope| {
        let actors: Vec<_> = (0..CLIENTS)
            .map(|n| {
                let (over, database) = (&over, &database);
                scope.spawn(move || {
                    let mut actor = Actor::new(port, database, n, seed);
                    // One that comes late on a busy machine has its turn, too.
                    while !over.load(Ordering::Relaxed) || actor.done == 0 {
                        actor.act();
                    }
                    (actor.ends, actor.done)
                })
            })
            .collect();
        let kills =
            trouble(&mut stage, slots, &mut Chance::new(seed), Duration::from_secs(seconds));
        over.store(true, Ordering::Relaxed);
        let counts: Vec<_> = actors.into_iter().map(|actor| actor.join().unwrap()).collect();
        assert!(counts.iter().all(|(_, done)| *done > 0), "everybody was served: {counts:?}");
        let (ends, done): (Vec<usize>, Vec<usize>) = counts.into_iter().unzip();
        (ends.iter().sum::<usize>(), done.iter().sum::<usize>(), kills)
    });
    let looks = books.close();
    println!("{looks} looks into the ledger");
    println!("{done} operations, {ends} connections ended for {kills} servers killed");
    assert!(ends <= kills, "{ends} connections ended for {kills} servers killed");
    stage.check_all_free(slots as usize);
    stage.await_servers(0, "state LIKE 'idle in transaction%'");
}

/// Kills, freezes and restarts for so long. Returns how many server connections it ended at most.
fn trouble(stage: &mut Stage, slots: u32, chance: &mut Chance, time: Duration) -> usize {
    let began = Instant::now();
    let mut kills = 0;
    let mut restarts = 0;
    while began.elapsed() < time {
        std::thread::sleep(Duration::from_millis(100 + chance.next() % 300));
        if began.elapsed() > time / 2 * (restarts + 1) && restarts == 0 {
            stage.server.own().restart(Stop::Fast).unwrap();
            restarts += 1;
            kills += slots as usize;
            continue;
        }
        match chance.below(4) {
            0 | 1 => kills += kill_one(stage),
            2 => freeze(stage, chance),
            _ => {}
        }
    }
    kills
}

fn kill_one(stage: &Stage) -> usize {
    let sql = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity \
         WHERE datname = '{}' ORDER BY random() LIMIT 1) one",
        stage.database()
    );
    stage.ask(&sql).parse().unwrap()
}

/// All of the server stands still for a moment.
fn freeze(stage: &mut Stage, chance: &mut Chance) {
    stage.server.own().suspend().unwrap();
    std::thread::sleep(Duration::from_millis(chance.next() % 200));
    stage.server.own().resume().unwrap();
}
