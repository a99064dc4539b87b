//! SHUTDOWN and SIGTERM.

use std::net::TcpStream;

use weir_testkit::{Session, Signal, until};

use crate::stage::{PATIENCE, Stage, beside, code};

/// Asks until the stop, which takes its way, has reached the client.
fn until_closed(client: &mut Session) {
    until("the client to be told", PATIENCE, || {
        Ok((code(client.query("SELECT 1")) == "57P01").then_some(()))
    })
    .unwrap();
}

#[test]
fn a_stop_lets_transactions_end_and_begins_none() {
    let mut stage = Stage::new();
    let (mut busy, mut idle) = (stage.client(), stage.client());
    busy.query("BEGIN; CREATE TABLE kept (n int)").unwrap();
    idle.query("SELECT 1").unwrap();
    stage.weir.signal(Signal::TERM).unwrap();
    until_closed(&mut idle);
    until("newcomers to be refused", PATIENCE, || {
        Ok((code(stage.weir.session("postgres", &stage.database)) == "57P03").then_some(()))
    })
    .unwrap();
    assert_eq!(busy.value("SELECT count(*) FROM kept").unwrap(), "0");
    busy.query("COMMIT").unwrap();
    assert_eq!(code(busy.query("SELECT 3")), "57P01");
    assert!(stage.weir.wait().unwrap().success());
}

#[test]
fn a_second_signal_does_not_wait() {
    let mut stage = Stage::with("[timeouts]\nshutdown_wait = \"off\"\n");
    let mut busy = stage.client();
    busy.query("BEGIN; SELECT 1").unwrap();
    stage.weir.signal(Signal::TERM).unwrap();
    until("newcomers to be refused", PATIENCE, || {
        Ok((code(stage.weir.session("postgres", &stage.database)) == "57P03").then_some(()))
    })
    .unwrap();
    assert_eq!(busy.value("SELECT 2").unwrap(), "2");
    stage.weir.signal(Signal::TERM).unwrap();
    until_closed(&mut busy);
    assert!(stage.weir.wait().unwrap().success());
}

#[test]
fn the_grace_of_a_stop_ends() {
    let mut stage = Stage::with("[timeouts]\nshutdown_wait = \"300ms\"\n");
    let mut busy = stage.client();
    busy.query("BEGIN; SELECT 1").unwrap();
    stage.weir.signal(Signal::TERM).unwrap();
    assert!(stage.weir.wait().unwrap().success());
    assert_eq!(code(busy.query("SELECT 3")), "57P01");
}

#[test]
fn shutdown_ends_at_once() {
    let mut stage = Stage::new();
    let mut busy = stage.client();
    busy.query("BEGIN; SELECT 1").unwrap();
    let sleeper = {
        let mut session = stage.client();
        beside(move || code(session.query("SELECT pg_sleep(600)")))
    };
    stage.until_pool("sv_active", "2");
    stage.console().query("SHUTDOWN").unwrap();
    assert!(stage.weir.wait().unwrap().success());
    assert_eq!(code(busy.query("SELECT 3")), "57P01");
    assert_eq!(sleeper.end(), "57P01");
}

#[test]
fn shutdown_wait_for_servers_is_the_graceful_stop() {
    let mut stage = Stage::new();
    let (mut busy, mut idle) = (stage.client(), stage.client());
    busy.query("BEGIN; SELECT 1").unwrap();
    stage.console().query("SHUTDOWN WAIT_FOR_SERVERS").unwrap();
    until_closed(&mut idle);
    assert_eq!(busy.value("SELECT 2").unwrap(), "2");
    busy.query("COMMIT").unwrap();
    assert!(stage.weir.wait().unwrap().success());
}

#[test]
fn shutdown_wait_for_clients_serves_those_who_are_there() {
    let mut stage = Stage::new();
    let mut client = stage.client();
    let mut console = stage.console();
    console.query("SHUTDOWN WAIT_FOR_CLIENTS").unwrap();
    until("the port to be closed", PATIENCE, || {
        Ok(TcpStream::connect(stage.weir.listen()).is_err().then_some(()))
    })
    .unwrap();
    // New transactions too: only newcomers are turned away.
    assert_eq!(client.value("SELECT 1").unwrap(), "1");
    assert_eq!(client.value("SELECT 2").unwrap(), "2");
    assert_eq!(console.query("SHOW STATE").unwrap().len(), 5);
    drop(client);
    assert!(stage.weir.wait().unwrap().success());
}

#[test]
fn a_successor_takes_the_port_over_and_nobody_is_dropped() {
    let mut old = Stage::replaceable();
    let (mut idle, mut busy, mut console) = (old.client(), old.client(), old.console());
    busy.query("BEGIN; CREATE TABLE kept (n int)").unwrap();
    let new = old.successor();
    assert_eq!(new.listen(), old.weir.listen());
    console.query("SHUTDOWN WAIT_FOR_CLIENTS").unwrap();
    until("the old one to be told", PATIENCE, || {
        Ok(old.http("/readyz", "").contains("503").then_some(()))
    })
    .unwrap();
    // The kernel may still send somebody to the old one, who is refused there.
    let newcomer = until("a newcomer to come in", PATIENCE, || {
        Ok(new.session("postgres", &old.database).ok())
    });
    let mut newcomer = newcomer.unwrap();
    busy.query("COMMIT").unwrap();
    assert_eq!(idle.value("SELECT count(*) FROM kept").unwrap(), "0");
    drop((idle, busy));
    assert!(old.weir.wait().unwrap().success());
    assert_eq!(newcomer.value("SELECT count(*) FROM kept").unwrap(), "0");
    new.stop().unwrap();
}
