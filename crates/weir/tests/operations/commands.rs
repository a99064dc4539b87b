//! RECONNECT, RELOAD, KILL, KILL_CLIENT, DISABLE.

use crate::stage::{Stage, beside, code};

#[test]
fn reconnect_changes_backends_and_wait_close_waits_for_the_old_ones() {
    let stage = Stage::with("[pool]\nsize = 1\n");
    let mut client = stage.client();
    client.query("BEGIN").unwrap();
    let before = client.value("SELECT pg_backend_pid()").unwrap();
    stage.console().query("RECONNECT").unwrap();
    let servers = stage.show("SHOW SERVERS");
    assert_eq!(servers[0]["remote_pid"], before);
    assert_eq!(servers[0]["close_needed"], "1");
    assert_eq!(stage.pool()["sv_stale"], "1");
    let closing = stage.beside(&format!("WAIT_CLOSE {}", stage.database));
    assert_eq!(client.value("SELECT pg_backend_pid()").unwrap(), before, "in its transaction");
    assert!(closing.goes_on());
    client.query("COMMIT").unwrap();
    closing.end().unwrap();
    assert_ne!(client.value("SELECT pg_backend_pid()").unwrap(), before);
    assert_eq!(stage.show("SHOW SERVERS")[0]["close_needed"], "0");
}

#[test]
fn reload_changes_the_size_of_a_pool_and_drops_nobody() {
    let stage = Stage::with("[pool]\nsize = 1\n");
    let mut first = stage.client();
    first.query("BEGIN").unwrap();
    let before = first.value("SELECT pg_backend_pid()").unwrap();
    let mut second = stage.client();
    let held = beside(move || second.value("SELECT 7").unwrap());
    stage.until_pool("cl_waiting", "1");
    stage.rewrite("[pool]\nsize = 2\n");
    stage.console().query("RELOAD").unwrap();
    assert_eq!(held.end(), "7", "the second slot serves while the first is taken");
    assert_eq!(first.value("SELECT pg_backend_pid()").unwrap(), before);
    assert_eq!(stage.pool()["pool_size"], "2");
    let size = |row: &crate::stage::Row| row["key"] == "pool.size" && row["value"] == "2";
    assert!(stage.show("SHOW CONFIG").iter().any(size));
}

#[test]
fn a_database_that_is_gone_after_a_reload_closes_its_clients_and_no_others() {
    let stage = Stage::new();
    let (mut idle, mut busy) = (stage.client(), stage.client());
    idle.query("SELECT 1").unwrap();
    busy.query("BEGIN; SELECT 1").unwrap();
    let mut other = stage.weir.session("postgres", "postgres").unwrap();
    stage.rewrite_without_the_others();
    stage.console().query("RELOAD").unwrap();
    assert_eq!(code(idle.query("SELECT 2")), "57P01");
    assert_eq!(busy.value("SELECT 2").unwrap(), "2", "its transaction may end");
    busy.query("COMMIT").unwrap();
    assert_eq!(code(busy.query("SELECT 3")), "57P01");
    assert_eq!(other.value("SELECT current_database()").unwrap(), "postgres");
    assert_eq!(code(stage.weir.session("postgres", &stage.database)), "3D000");
}

#[test]
fn a_configuration_with_problems_changes_nothing() {
    let stage = Stage::new();
    stage.rewrite("[pool]\nsize = 0\nsise = 3\n");
    let mut console = stage.console();
    assert_eq!(code(console.query("RELOAD")), "F0000");
    console.query("SHOW VERSION").unwrap();
    stage.client().value("SELECT 1").unwrap();
    assert_eq!(stage.pool()["pool_size"], "4");
}

#[test]
fn kill_closes_the_clients_of_one_database_and_pauses_it() {
    let stage = Stage::new();
    let (mut victim, mut idle) = (stage.client(), stage.client());
    let mut other = stage.weir.session("postgres", "postgres").unwrap();
    other.query("BEGIN; SELECT 1").unwrap();
    victim.query("BEGIN; SELECT 1").unwrap();
    stage.console().query(&format!("KILL {}", stage.database)).unwrap();
    assert_eq!(code(victim.query("SELECT 2")), "57P01");
    assert_eq!(code(idle.query("SELECT 2")), "57P01");
    assert_eq!(other.value("SELECT 3").unwrap(), "3");
    assert_eq!(stage.pool()["cl_active"], "0");
    stage.until_pool("state", "paused");
    let mut late = stage.client();
    let held = beside(move || late.value("SELECT 7").unwrap());
    stage.until_pool("cl_waiting", "1");
    assert!(held.goes_on());
    stage.console().query(&format!("RESUME {}", stage.database)).unwrap();
    assert_eq!(held.end(), "7");
}

#[test]
fn kill_client_closes_that_client_and_no_other() {
    let stage = Stage::new();
    let (mut victim, mut other) = (stage.client(), stage.client());
    victim.query("BEGIN; SELECT 1").unwrap();
    other.query("SELECT 1").unwrap();
    let busy = |row: &&crate::stage::Row| row["activity"] == "idle in transaction";
    let id = stage.clients().iter().find(busy).unwrap()["id"].clone();
    stage.console().query(&format!("KILL_CLIENT {id}")).unwrap();
    assert_eq!(code(victim.query("SELECT 2")), "57P01");
    assert_eq!(other.value("SELECT 3").unwrap(), "3");
    assert_eq!(code(stage.console().query(&format!("KILL_CLIENT {id}"))), "42704", "is gone");
    assert_eq!(code(stage.console().query("KILL_CLIENT 63")), "42704", "no such worker");
}

#[test]
fn disable_refuses_new_clients_only() {
    let stage = Stage::new();
    let mut client = stage.client();
    stage.console().query(&format!("DISABLE {}", stage.database)).unwrap();
    assert_eq!(client.value("SELECT 1").unwrap(), "1");
    assert_eq!(code(stage.weir.session("postgres", &stage.database)), "55000");
    stage.weir.session("postgres", "postgres").unwrap();
    stage.until_database("disabled", "1");
    stage.console().query(&format!("ENABLE {}", stage.database)).unwrap();
    stage.client().value("SELECT 1").unwrap();
}
