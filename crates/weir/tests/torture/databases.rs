//! DROP, RENAME and CREATE … TEMPLATE through the proxy, while its pools keep idle connections to
//! the database in question, which PostgreSQL would refuse.

use crate::client::Client;
use crate::stage::Stage;

/// A database with idle connections in its pool.
fn warm(stage: &Stage, name: &str) {
    let mut clients: Vec<Client> = (0..3).map(|_| Client::open(stage.port(), name)).collect();
    for client in &mut clients {
        assert_eq!(client.query("BEGIN; SELECT 1").code(), "");
    }
    for client in &mut clients {
        client.query("COMMIT");
    }
}

fn run(client: &mut Client, sql: &str) {
    let answer = client.query(sql);
    assert_eq!(answer.code(), "", "{sql}: {answer:?}");
}

#[test]
fn databases_with_idle_connections_can_be_dropped_renamed_and_copied() {
    let stage = Stage::new(3, "");
    let name = stage.database().to_owned();
    let mut admin = Client::open(stage.port(), "postgres");
    for round in 0..3 {
        let (one, two) = (format!("{name}_a{round}"), format!("{name}_b{round}"));
        run(&mut admin, &format!("CREATE DATABASE {one}"));
        warm(&stage, &one);
        run(&mut admin, &format!("CREATE DATABASE {two} TEMPLATE {one}"));
        warm(&stage, &one);
        warm(&stage, &two);
        run(&mut admin, &format!("ALTER DATABASE {two} RENAME TO {two}x"));
        warm(&stage, &format!("{two}x"));
        warm(&stage, &one);
        run(&mut admin, &format!("DROP DATABASE {one}"));
        run(&mut admin, &format!("DROP DATABASE {two}x"));
        assert!(Client::try_open(stage.port(), &one).is_err(), "it is gone");
    }
}

/// Clients that are connected but in no transaction are not in the way either.
#[test]
fn idle_clients_do_not_keep_a_database() {
    let stage = Stage::new(2, "");
    let name = format!("{}_c", stage.database());
    let mut admin = Client::open(stage.port(), "postgres");
    run(&mut admin, &format!("CREATE DATABASE {name}"));
    let mut idle = Client::open(stage.port(), &name);
    assert_eq!(idle.query("SELECT 7").value(), "7");
    run(&mut admin, &format!("DROP DATABASE {name}"));
    let answer = idle.query("SELECT 7");
    assert_eq!(answer.code(), "3D000", "{answer:?}");
}
