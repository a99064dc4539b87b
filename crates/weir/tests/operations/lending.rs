//! Two workers serve one pool: its slots go where clients wait.

use crate::stage::{PATIENCE, Stage, beside};
use weir_testkit::{Session, until};

/// Sessions here sit in their transactions for long, which the fair dispatch takes for overload.
const SHARED: &str = "[pool]\nsize = 4\nworkers = 2\ndispatch = \"fifo\"\n[workers]\ncount = 2\n";

/// Opens a transaction and stays in it.
fn hold(mut session: Session) -> Session {
    session.query("BEGIN; SELECT 1").unwrap();
    session
}

/// Clients go to the workers in turn: those of one worker.
fn every_other(stage: &Stage, count: usize) -> (Vec<Session>, Vec<Session>) {
    (0..count).map(|_| (stage.client(), stage.client())).unzip()
}

#[test]
fn idle_slots_go_to_the_worker_whose_clients_wait() {
    let stage = Stage::with(SHARED);
    let (mut busy, mut calm) = every_other(&stage, 4);
    calm.iter_mut().chain(&mut busy).for_each(|session| drop(session.query("SELECT 1").unwrap()));
    let fourth = busy.pop().unwrap();
    // Each has two slots of its own. The third comes from the other worker.
    let mut holding: Vec<Session> = busy.into_iter().map(hold).collect();
    assert_eq!(stage.pool()["sv_active"], "3");
    assert_eq!(stage.pool()["pool_size"], "4");
    // One is never lent, so the fourth waits for one of the first three.
    let fourth = beside(move || hold(fourth));
    stage.until_pool("cl_waiting", "1");
    calm[0].query("SELECT 2").unwrap();
    assert!(fourth.goes_on());
    holding.pop().unwrap().query("COMMIT").unwrap();
    holding.push(fourth.end());
    holding.iter_mut().for_each(|session| drop(session.query("COMMIT").unwrap()));
    // And back: now the other worker's clients need three.
    let three: Vec<Session> = calm.into_iter().take(3).map(hold).collect();
    assert_eq!(stage.pool()["sv_active"], "3");
    drop(three);
}

#[test]
fn a_reload_makes_the_pool_smaller_and_larger() {
    let stage = Stage::with(SHARED);
    let (mut a, mut b) = every_other(&stage, 3);
    let size = |expected: &str| {
        stage.until_pool("pool_size", expected);
    };
    a.iter_mut().chain(&mut b).for_each(|session| drop(session.query("SELECT 1").unwrap()));
    size("4");
    stage.rewrite(&SHARED.replace("size = 4", "size = 2"));
    stage.console().query("RELOAD").unwrap();
    size("2");
    until("the surplus to close", PATIENCE, || {
        let open = stage.pool()["sv_idle"].parse::<u32>()?;
        Ok((open <= 2).then_some(()))
    })
    .unwrap();
    stage.rewrite(&SHARED.replace("size = 4", "size = 6"));
    stage.console().query("RELOAD").unwrap();
    let held: Vec<Session> = a.into_iter().map(hold).collect();
    assert_eq!(stage.pool()["sv_active"], "3");
    drop(held);
}

#[test]
fn a_route_of_both_workers_has_one_line() {
    let stage = Stage::with(SHARED);
    let mut sessions = [stage.client(), stage.client()];
    for session in &mut sessions {
        session.query("BEGIN; SELECT 1 /*route='/both'*/").unwrap();
    }
    let lines = || {
        let mut routes = stage.show("SHOW ROUTES");
        routes.retain(|row| row["route"] == "/both");
        routes
    };
    let all = until("both to be counted", PATIENCE, || {
        let routes = lines();
        assert!(routes.len() <= 1, "{routes:?}");
        Ok(routes.into_iter().find(|row| row["claims"] == "2"))
    })
    .unwrap();
    assert_eq!((&*all["holding"], &*all["route_from"]), ("2", "tag"));
    let metrics = stage.http("/metrics", "Connection: close\r\n");
    let mut series: Vec<&str> = metrics
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.rsplit_once(' ')?.0))
        .collect();
    let count = series.len();
    series.sort_unstable();
    series.dedup();
    assert_eq!(series.len(), count, "each series once");
}
