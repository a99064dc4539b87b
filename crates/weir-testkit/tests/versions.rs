//! Servers of the versions that the client tests ask for can be had.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use weir_testkit::{Options, PgServer, Want};

fn check(major: u16) {
    let server = PgServer::start(Options::new(Want::major(major))).unwrap();
    assert_eq!(server.version().major, major);
    let said = server.session("postgres").unwrap().value("SHOW server_version_num").unwrap();
    assert_eq!(said.parse::<u32>().unwrap() / 10_000, u32::from(major));
}

#[test]
fn postgres_15() {
    check(15);
}

#[test]
fn postgres_17() {
    check(17);
}

#[test]
fn postgres_18() {
    check(18);
}
