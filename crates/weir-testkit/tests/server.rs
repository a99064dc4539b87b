//! A private server does what tests rely on: starts, is emptied per test, fails on demand, ends.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::time::Duration;

use weir_testkit::{Auth, Options, PgServer, Session, SqlError, Stop, Want, until};

const SOON: Duration = Duration::from_secs(60);

fn start() -> PgServer {
    PgServer::start(Options::new(Want::any())).unwrap()
}

fn code(err: &anyhow::Error) -> Option<&str> {
    err.downcast_ref::<SqlError>().map(|err| err.code.as_str())
}

#[test]
fn answers_over_both_sockets_and_reports_errors() {
    let server = PgServer::shared(Want::any()).unwrap();
    let database = server.fresh_database().unwrap();
    let mut session = Session::tcp(server.port(), "postgres", &database).unwrap();
    assert_eq!(session.value("SELECT current_database()").unwrap(), database);
    let err = session.query("SELECT 1/0").unwrap_err();
    assert_eq!(code(&err), Some("22012"));
    let rows = session.query("VALUES (1, NULL), (2, 'b')").unwrap();
    assert_eq!(rows, [[Some("1".into()), None], [Some("2".into()), Some("b".to_owned())]]);
    assert_eq!(session.value("SHOW server_version_num").unwrap().len(), 6);
}

#[test]
fn databases_of_a_shared_server_are_apart() {
    let server = PgServer::shared(Want::any()).unwrap();
    let [one, two] = [server.fresh_database().unwrap(), server.fresh_database().unwrap()];
    server.execute(&one, "CREATE TABLE t (a int)").unwrap();
    let err = server.execute(&two, "SELECT * FROM t").unwrap_err();
    assert_eq!(code(&err), Some("42P01"));
}

#[test]
fn settings_and_passwords_are_in_force() {
    let options = Options::new(Want::any()).auth(Auth::Scram).set("work_mem", "1234kB");
    let server = PgServer::start(options).unwrap();
    let mut session = server.session("postgres").unwrap();
    assert_eq!(session.value("SHOW work_mem").unwrap(), "1234kB");
    let err = Session::tcp(server.port(), "postgres", "postgres").unwrap_err();
    assert!(err.to_string().contains("password"), "{err}");
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let options = Options::new(Want::any()).set("shared_buffers", "nonsense");
    let err = format!("{:#}", PgServer::start(options).unwrap_err());
    assert!(err.contains("shared_buffers"), "{err}");
}

#[test]
fn data_outlive_a_restart_and_the_port_stays() {
    for how in [Stop::Fast, Stop::Immediate] {
        let mut server = start();
        let port = server.port();
        server.execute("postgres", "CREATE TABLE kept (a int)").unwrap();
        server.restart(how).unwrap();
        assert_eq!(server.port(), port);
        server.execute("postgres", "SELECT * FROM kept").unwrap();
    }
}

#[test]
fn a_crash_breaks_sessions_and_can_be_recovered_from() {
    let mut server = start();
    let mut session = server.session("postgres").unwrap();
    server.stop(Stop::Crash).unwrap();
    assert!(session.query("SELECT 1").is_err());
    assert!(server.session("postgres").is_err());
    server.start_again().unwrap();
    server.execute("postgres", "SELECT 1").unwrap();
}

#[test]
fn one_backend_can_be_ended_politely_or_killed() {
    let server = start();
    let mut session = server.session("postgres").unwrap();
    server.terminate_backend(session.backend_pid()).unwrap();
    assert_eq!(code(&session.query("SELECT 1").unwrap_err()), Some("57P01"));

    let [mut victim, mut bystander] = [(); 2].map(|()| server.session("postgres").unwrap());
    server.kill_backend(victim.backend_pid()).unwrap();
    assert!(victim.query("SELECT 1").is_err());
    until("the end of all sessions", SOON, || Ok(bystander.query("SELECT 1").err())).unwrap();
    until("recovery", SOON, || Ok(server.session("postgres").ok())).unwrap();
    assert!(server.kill_backend(1).is_err());
}

#[test]
fn a_suspended_server_answers_only_after_it_is_resumed() {
    let mut server = start();
    let mut session = server.session("postgres").unwrap();
    server.suspend().unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", session.backend_pid())).unwrap();
    let state = stat.rsplit_once(") ").unwrap().1.chars().next();
    assert_eq!(state, Some('T'), "{stat}");
    server.resume().unwrap();
    assert_eq!(session.value("SELECT 7").unwrap(), "7");
}

#[test]
fn nothing_is_left_after_a_drop() {
    let server = start();
    let home = server.data_dir().parent().unwrap().to_owned();
    let mut session = server.session("postgres").unwrap();
    drop(server);
    assert!(session.query("SELECT 1").is_err());
    assert!(!home.exists());
}

#[test]
fn a_suspended_server_can_be_dropped() {
    let mut server = start();
    let session = server.session("postgres").unwrap();
    server.suspend().unwrap();
    drop(server);
    let process = format!("/proc/{}", session.backend_pid());
    assert!(!std::path::Path::new(&process).exists());
}
