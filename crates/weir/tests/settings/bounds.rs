//! Bounds: on server connections of databases and users, on queues, pins and messages.

use weir_testkit::{Session, until};

use crate::stage::{PATIENCE, Stage, code, in_time};

const BRIEF: (&str, &str) = ("pool", "size = 5\nquery_wait_timeout = \"300ms\"");

/// Begins a transaction that has a server connection.
fn hold(session: &mut Session) {
    in_time(|| session.query("BEGIN; SELECT 1"));
}

#[test]
fn a_database_has_so_many_server_connections_over_all_users() {
    let mut stage = Stage::new(&[BRIEF, ("limits", "servers_per_database_max = 2")]);
    let database = stage.database.clone();
    let (ann, bob) = (stage.role("ann"), stage.role("bob"));
    let mut all = [&ann, &ann, &bob].map(|user| stage.client_of(user, &database));
    let [first, second, third] = &mut all;
    hold(first);
    hold(second);
    assert_eq!(code(third, "SELECT 1"), "53300");
    let seen = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                AND pid <> pg_backend_pid()";
    // What made the roles may still be about to end.
    let mut direct = stage.direct();
    until("two server connections", PATIENCE, || Ok((direct.value(seen)? == "2").then_some(())))
        .unwrap();
    // What another user leaves idle is closed for it.
    first.query("COMMIT").unwrap();
    assert_eq!(in_time(|| third.value("SELECT current_user")), bob);
    // A reload changes the bound of pools that are there.
    hold(third);
    assert_eq!(code(first, "SELECT 1"), "53300");
    stage.reload(&[BRIEF, ("limits", "servers_per_database_max = 3")]);
    in_time(|| first.query("SELECT 1"));
}

#[test]
fn a_user_has_so_many_server_connections_over_all_databases() {
    let stage = Stage::new(&[BRIEF, ("limits", "servers_per_user_max = 1")]);
    let other = stage.server.fresh_database().unwrap();
    let (ann, bob) = (stage.role("ann"), stage.role("bob"));
    let mut here = stage.client_of(&ann, &stage.database);
    hold(&mut here);
    // A login to a database that nobody has used needs a server connection, too.
    let error = stage.weir.session(&ann, &other).unwrap_err();
    assert!(error.to_string().contains("53300"), "{error:#}");
    in_time(|| stage.client_of(&bob, &other).query("SELECT 1"));
    here.query("COMMIT").unwrap();
    in_time(|| stage.client_of(&ann, &other).query("SELECT 1"));
}

#[test]
fn an_entry_and_a_user_may_say_otherwise() {
    let stage = Stage::new(&[
        BRIEF,
        ("limits", "servers_per_database_max = 1"),
        ("databases.\"*\"", "servers_max = 2"),
        ("users.postgres", "servers_max = 1"),
    ]);
    let ann = stage.role("ann");
    let mut held = stage.client();
    hold(&mut held);
    assert_eq!(code(&mut stage.client(), "SELECT 1"), "53300", "the user has one");
    in_time(|| stage.client_of(&ann, &stage.database).query("SELECT 1"));
}

#[test]
fn a_full_queue_refuses_at_once() {
    let stage = Stage::new(&[("pool", "size = 1"), ("limits", "queue_max = 1")]);
    let (mut first, mut second, mut third) = (stage.client(), stage.client(), stage.client());
    hold(&mut first);
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        for client in [&mut second, &mut third] {
            let tell = tell.clone();
            scope.spawn(move || tell.send(client.query("SELECT 1")).unwrap());
        }
        // One of the two waits; the other, whichever, is refused meanwhile.
        let refused = told.recv().unwrap().unwrap_err();
        assert!(format!("{refused:#}").contains("53300"), "{refused:#}");
        first.query("COMMIT").unwrap();
        told.recv().unwrap().unwrap();
    });
}

#[test]
fn so_many_clients_may_be_pinned() {
    let stage = Stage::new(&[("pool", "size = 4"), ("limits", "pins_max = 1")]);
    let (mut first, mut second) = (stage.client(), stage.client());
    first.query("SELECT pg_advisory_lock(1)").unwrap();
    // Behind the question that shows that it is pinned.
    first.query("SELECT 1").unwrap();
    second.query("SELECT pg_advisory_lock(2)").unwrap();
    // That it is pinned shows after its request, in between others of its own.
    until("the refusal", PATIENCE, || Ok(second.query("SELECT 1").err())).unwrap();
    first.query("SELECT 1").unwrap();
}

#[test]
fn a_message_beyond_the_limit_ends_its_connection() {
    let stage = Stage::new(&[("limits", "message_size_max = \"2KiB\"")]);
    let mut client = stage.client();
    client.query(&format!("SELECT '{}'", "x".repeat(1000))).unwrap();
    assert!(client.query(&format!("SELECT '{}'", "x".repeat(3000))).is_err());
    stage.logs(&["54000", "longer than limits.message_size_max"]);
    assert!(client.query("SELECT 1").is_err(), "the connection goes on");
}

#[test]
fn more_settings_than_can_follow_a_client_pin_it() {
    let stage = Stage::new(&[("pool", "size = 4\nrotation = \"every-transaction\"")]);
    let mut client = stage.client();
    let pid = |client: &mut Session| client.value("SELECT pg_backend_pid()").unwrap();
    for number in 0..weir_core::config::limits::TRACKED_PARAMETERS + 1 {
        client.query(&format!("SET app.v{number} = 'x{number}'")).unwrap();
    }
    let first = pid(&mut client);
    // Another client must not get it, and the settings are still there.
    let mut other = stage.client();
    assert_ne!(pid(&mut other), first);
    assert_eq!(pid(&mut client), first);
    assert_eq!(client.value("SHOW app.v128").unwrap(), "x128");
    assert_eq!(client.value("SHOW app.v0").unwrap(), "x0");
}
