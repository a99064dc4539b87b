//! What clients are told, and what is overheard of them.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::stage::Stage;

#[test]
fn who_waits_for_long_is_told() {
    let stage = Stage::new(&[("pool", "size = 1"), ("session", "wait_notice_after = \"100ms\"")]);
    let mut holder = stage.client();
    holder.query("BEGIN; SELECT 1").unwrap();
    let mut psql = stage.psql_command("", "SELECT 'done'");
    let mut waits = psql.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = BufReader::new(waits.stderr.take().unwrap());
    // psql prints what it is told at once. Its statement is let go when it has been told.
    let mut told = String::new();
    while !told.contains("waiting for") && errors.read_line(&mut told).unwrap() > 0 {}
    assert!(told.contains("waiting for a server connection: 0 ahead in the queue"), "{told}");
    holder.query("COMMIT").unwrap();
    errors.read_to_string(&mut told).unwrap();
    assert_eq!(told.matches("waiting for").count(), 1, "{told}");
    assert_eq!(waits.wait_with_output().unwrap().stdout, b"done\n");
}

#[test]
fn a_login_notice_is_given() {
    let stage = Stage::new(&[("session", "login_notice = \"through weir\"")]);
    let out = stage.psql("", "SELECT 1");
    assert!(String::from_utf8_lossy(&out.stderr).contains("NOTICE:  through weir"), "{out:?}");
}

#[test]
fn a_parameter_to_be_ignored_is_not_sent_on() {
    let options = "-c no_such_parameter=1";
    let strict = Stage::new(&[]);
    assert!(!strict.psql(options, "SELECT 1").status.success());
    let lax = Stage::new(&[("session", "ignore_startup_parameters = [\"no_such_parameter\"]")]);
    let out = lax.psql(options, "SELECT 1");
    assert_eq!(out.stdout, b"1\n", "{out:?}");
}
