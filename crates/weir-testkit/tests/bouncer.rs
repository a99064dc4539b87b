//! PgBouncer as we start it rotates clients over server connections in transaction mode.

use std::collections::HashSet;

use weir_testkit::{Auth, Options, PgBouncer, PgServer, Session, Want};

#[test]
fn rotates_server_connections_at_transaction_ends() {
    let server = PgServer::start(Options::new(Want::any()).auth(Auth::Scram)).unwrap();
    let bouncer = PgBouncer::start(&server, &[("default_pool_size", "3")]).unwrap();
    let mut clients =
        [(); 3].map(|()| Session::tcp(bouncer.port(), "postgres", "postgres").unwrap());
    let mut pids = HashSet::new();
    for _ in 0..2 {
        for client in &mut clients {
            client.query("BEGIN").unwrap();
        }
        for client in &mut clients {
            pids.insert(client.value("SELECT pg_backend_pid()").unwrap());
            client.query("COMMIT").unwrap();
        }
    }
    assert_eq!(pids.len(), 3);
}
