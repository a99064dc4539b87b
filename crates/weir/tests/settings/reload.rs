//! A reload reaches clients and server connections that are there.

use weir_testkit::until;

use crate::stage::{PATIENCE, Stage, code};

#[test]
fn a_connected_client_gets_new_time_limits() {
    let mut stage = Stage::new(&[]);
    let mut client = stage.client();
    client.query("SELECT 1").unwrap();
    stage.reload(&[("timeouts", "statement = \"100ms\"")]);
    assert_eq!(code(&mut client, "SELECT pg_sleep(60)"), "57014");
}

/// What a session-mode client meets after its server connection has become stale.
fn after_a_move(fast: bool) -> Stage {
    let pool = format!("mode = \"session\"\nserver_fast_close = {fast}");
    Stage::new(&[("pool", &pool)])
}

const MOVED: (&str, &str) = ("databases.\"*\"", "parameters = { work_mem = \"1MB\" }");

#[test]
fn a_stale_server_connection_is_closed_fast() {
    let mut stage = after_a_move(true);
    let mut client = stage.client();
    client.query("BEGIN; SELECT 1").unwrap();
    stage.reload(&[("pool", "mode = \"session\"\nserver_fast_close = true"), MOVED]);
    client.query("SELECT 'the transaction goes on'").unwrap();
    client.query("COMMIT").unwrap();
    let error = until("the end", PATIENCE, || Ok(client.query("SELECT 1").err())).unwrap();
    assert!(format!("{error:#}").contains("57P01"), "{error:#}");
    assert_eq!(stage.client().value("SHOW work_mem").unwrap(), "1MB");
}

#[test]
fn a_stale_server_connection_stays_for_its_session() {
    let mut stage = after_a_move(false);
    let mut client = stage.client();
    let pid = client.value("SELECT pg_backend_pid()").unwrap();
    stage.reload(&[("pool", "mode = \"session\""), MOVED]);
    // The other one is served after the reload has reached the worker, and a sweep.
    assert_eq!(stage.client().value("SHOW work_mem").unwrap(), "1MB");
    client.query("SELECT pg_sleep(0.3)").unwrap();
    assert_eq!(client.value("SELECT pg_backend_pid()").unwrap(), pid);
}
