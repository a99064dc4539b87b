//! A server that dies, is away, freezes, refuses.

use weir_testkit::{Auth, Options, PgServer, Stop, Want, until};

use crate::client::Client;
use crate::frames;
use crate::stage::{PATIENCE, Stage, Upstream};

#[test]
fn a_backend_killed_while_it_reads_copy_data_ends_that_client_alone() {
    let stage = Stage::new(2, "");
    let mut client = stage.client();
    client.query("CREATE TABLE t (n int)");
    client.send(&frames::query("COPY t FROM STDIN"));
    client.until(b'G');
    client.send(&frames::frame(b'd', b"1\n"));
    let pid = stage.ask(&format!(
        "SELECT pid FROM pg_stat_activity WHERE datname = '{}' AND query LIKE 'COPY%'",
        stage.database()
    ));
    stage.server.get().terminate_backend(pid.parse().unwrap()).unwrap();
    let told = client.answer();
    assert_eq!((told.code(), told.status), ("57P01", None), "{told:?}");
    assert_eq!(stage.client().query("SELECT count(*) FROM t").value(), "0");
    stage.check_all_free(2);
}

/// Clients wait for a bounded time while the server is away, are told why, and are served when it
/// is back, over no more connections than the pool has.
#[test]
fn a_server_that_is_away_is_told_and_found_again() {
    let mut stage = Stage::own(3, "query_wait_timeout = \"500ms\"");
    let mut early = stage.client();
    early.query("SELECT 1");
    stage.server.own().stop(Stop::Fast).unwrap();
    let refused = until("the refusal", PATIENCE, || {
        // The first may still meet the end of its connection.
        let Ok(mut client) = Client::try_open(stage.port(), stage.database()) else {
            return Ok(None);
        };
        let answer = client.query("SELECT 1");
        Ok(answer.status.is_some().then_some(answer))
    })
    .unwrap();
    assert_eq!(refused.code(), "53300", "{refused:?}");
    let detail = &refused.error.as_ref().unwrap().detail;
    assert!(detail.contains("127.0.0.1"), "says what it could not reach: {detail}");
    let mut clients: Vec<Client> = (0..20).map(|_| stage.client()).collect();
    stage.server.own().start_again().unwrap();
    until("the server to be found again", PATIENCE, || {
        Ok((clients[0].query("SELECT 1").error.is_none()).then_some(()))
    })
    .unwrap();
    let sleep = frames::query("SELECT pg_sleep(0.05)");
    for client in &mut clients {
        client.send(&sleep);
    }
    for client in &mut clients {
        let mut answer = client.answer();
        // Whoever waits too long for its turn on a busy machine asks again.
        while answer.code() == "53300" {
            client.send(&sleep);
            answer = client.answer();
        }
        assert_eq!(answer.code(), "");
    }
    assert!(stage.servers("backend_type = 'client backend'") <= 3);
    stage.check_all_free(3);
}

/// Clients of a server that restarts under load see errors or the end of their connection, never
/// another's answer; afterwards all is as before.
#[test]
fn a_restart_under_load_loses_no_slot() {
    for how in [Stop::Fast, Stop::Immediate, Stop::Crash] {
        let mut stage = Stage::own(3, "");
        let mut clients: Vec<Client> = (0..12).map(|_| stage.client()).collect();
        let (holders, others) = clients.split_at_mut(3);
        for client in holders {
            client.send(&frames::query("SELECT pg_sleep(600)"));
        }
        stage.await_servers(3, "wait_event = 'PgSleep'");
        for client in others {
            client.send(&frames::query("SELECT pg_sleep(0.1)"));
        }
        stage.server.own().restart(how).unwrap();
        for client in &mut clients {
            // Those that waited are served by the new server.
            let answer = client.answer();
            assert!(answer.error.is_none() || answer.status.is_none(), "{answer:?}");
        }
        drop(clients);
        stage.check_all_free(3);
    }
}

/// A frozen server costs its clients time, nothing else.
#[test]
fn a_frozen_server_goes_on_where_it_was() {
    let mut stage = Stage::own(2, "");
    let mut clients: Vec<Client> = (0..8).map(|_| stage.client()).collect();
    clients[0].query("SELECT 1");
    stage.server.own().suspend().unwrap();
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(&frames::query(&format!("SELECT {n}")));
    }
    // One of them gives up meanwhile, one cancels.
    drop(clients.pop());
    let cancelled = clients.pop().unwrap();
    cancelled.send_cancel();
    stage.server.own().resume().unwrap();
    for (n, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.answer().value(), n.to_string());
    }
    drop(clients);
    stage.check_all_free(2);
}

/// What the server says about the proxy's own login reaches the client in its words.
#[test]
fn an_unknown_database_is_told_in_the_servers_words() {
    let stage = Stage::new(1, "");
    let told = Client::try_open(stage.port(), "no_such_database").unwrap_err();
    assert!(told.contains("3D000") && told.contains("no_such_database"), "{told}");
    assert!(told.starts_with("FATAL"), "{told}");
}

#[test]
fn a_wrong_password_of_the_proxy_is_told_in_the_servers_words() {
    let server = PgServer::start(Options::new(Want::major(15)).auth(Auth::Scram)).unwrap();
    let more = "[users.postgres]\npassword = \"wrong\"\n";
    let stage = Stage::before(Upstream::Own(Box::new(server)), 1, more);
    let told = Client::try_open(stage.port(), stage.database()).unwrap_err();
    assert!(told.starts_with("FATAL") && told.contains("28P01"), "{told}");
}

/// The server has no connection left: clients share what there is.
#[test]
fn a_full_server_is_used_as_far_as_it_goes() {
    let options = Options::new(Want::major(15)).set("max_connections", "6");
    let options = options.set("superuser_reserved_connections", "0");
    let options = options.set("max_wal_senders", "0");
    let server = PgServer::start(options).unwrap();
    let stage = Stage::before(Upstream::Own(Box::new(server)), 20, "");
    let mut clients: Vec<Client> = (0..20).map(|_| stage.client()).collect();
    for client in &mut clients {
        client.send(&frames::query("SELECT pg_sleep(0.05), 7"));
    }
    for client in &mut clients {
        let answer = client.answer();
        assert_eq!(answer.code(), "", "{answer:?}");
        assert_eq!(answer.rows[0][1], "7");
    }
}

/// The first server connection tells what all clients are greeted with: one that then takes it
/// does not keep the others waiting at their login.
#[test]
fn logins_wait_for_the_first_connection_only() {
    let mut stage = Stage::own(1, "");
    let hello = frames::startup(&[("user", "postgres"), ("database", stage.database())]);
    stage.server.own().suspend().unwrap();
    let mut clients: Vec<Client> = (0..4).map(|_| Client::silent(stage.port())).collect();
    for client in &mut clients {
        client.send(&[hello.clone(), frames::query("BEGIN; SELECT 1")].concat());
        client.until(b'R');
    }
    stage.server.own().resume().unwrap();
    for client in &mut clients {
        client.until(b'Z');
    }
    drop(clients);
    stage.check_all_free(1);
}
