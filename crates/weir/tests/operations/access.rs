//! Who may use the console.

use crate::stage::{Stage, code};

const NAMED: &str = "[console]\nadmin_users = [\"dba\"]\nstats_users = [\"graph\"]\n";

#[test]
fn named_users_may_look_or_do_everything_and_others_nothing() {
    let stage = Stage::with(NAMED);
    let mut graph = stage.weir.session("graph", "pgbouncer").unwrap();
    graph.query("SHOW POOLS; SHOW STATE").unwrap();
    let commands = [
        "PAUSE",
        "RESUME",
        "RECONNECT",
        "KILL",
        "KILL_CLIENT 1",
        "RELOAD",
        "SHUTDOWN",
        "WAIT_CLOSE",
        "DISABLE postgres",
        "ENABLE postgres",
        "EVICT CLIENT 1",
        "CAP ROUTE r 1",
        "QUARANTINE ROUTE r",
        "EXEMPT USER u",
        "FREEZE",
        "FREEZE DRY RUN",
        "UNFREEZE",
    ];
    for command in commands {
        assert_eq!(code(graph.query(command)), "42501", "{command}");
    }
    let mut dba = stage.weir.session("dba", "weir").unwrap();
    dba.query("PAUSE; RESUME").unwrap();
    assert_eq!(code(stage.weir.session("postgres", "weir")), "42501");
}

#[test]
fn administrators_get_in_when_clients_are_at_their_limit() {
    let stage = Stage::with("[limits]\nclients_max = 1\n");
    let _one = stage.client();
    assert_eq!(code(stage.weir.session("postgres", &stage.database)), "53300");
    assert_eq!(stage.console().query("SHOW CLIENTS").unwrap().len(), 1);
}
