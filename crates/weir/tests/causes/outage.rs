//! A server that hangs, stops and comes back, seen over HTTP by a guard that was there before.

use std::process::Command;

use weir_testkit::{Options, PgServer, Stop, Want};

use crate::proxied::Proxied;
use crate::scene::{answer, causes};

#[test]
fn a_server_that_hangs_stops_and_returns() {
    let mut server = PgServer::start(Options::new(Want::major(15))).unwrap();
    let proxied = Proxied::before(&server, 4, "slow_answer = \"1h\"\nsilence = \"500ms\"");
    proxied.until_status("ok");
    server.suspend().unwrap();
    proxied.until_first("database-down");
    server.resume().unwrap();
    proxied.until_status("ok");
    server.stop(Stop::Immediate).unwrap();
    proxied.until_first("database-down");
    let url = server.url("postgres");
    let check = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(["check", "--json", "--url", &url])
        .output()
        .unwrap();
    assert_eq!(check.status.code(), Some(2), "down is critical");
    server.start_again().unwrap();
    proxied.until_status("ok");
    let up =
        answer(Command::new(env!("CARGO_BIN_EXE_weir")).args(["check", "--json", "--url", &url]));
    assert!(!causes(&up).contains(&"database-down".to_owned()));
}
