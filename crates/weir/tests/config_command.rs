//! `weir config` from outside: what it prints, and how it exits.

// A test stops where its surroundings are missing.
#![allow(clippy::unwrap_used)]

use std::process::Command;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../weir-core/tests/configs");

/// Runs `weir config` with these words in the directory of the fixtures: exit code, standard
/// output, standard error.
fn config(words: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_weir"))
        .arg("config")
        .args(words)
        .current_dir(FIXTURES)
        .env("SHOP_PASSWORD", "hunter2")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn check_exits_with_0_and_ok_for_a_good_file() {
    assert_eq!(config(&["check", "valid/least.toml"]), (0, "ok\n".into(), String::new()));
}

#[test]
fn check_prints_each_problem_at_its_line_and_exits_with_2() {
    let (code, out, _) = config(&["check", "invalid/ranges.toml"]);
    assert_eq!(code, 2);
    let first = "invalid/ranges.toml:2:8: pool.size: 0 is not a number from 1 to 10000";
    assert_eq!(out.lines().next(), Some(first));
    assert_eq!(out.lines().count(), 6, "{out}");
}

#[test]
fn check_names_the_file_where_nothing_in_it_is_at_fault() {
    let (code, out, _) = config(&["check", "invalid/nothing_served.toml"]);
    assert_eq!(code, 2);
    assert!(out.starts_with("invalid/nothing_served.toml: databases: no database"), "{out}");
    let (code, out, _) = config(&["check", "no_such_file.toml"]);
    assert_eq!(code, 2);
    assert!(out.starts_with("cannot read no_such_file.toml: "), "{out}");
}

#[test]
fn show_prints_what_is_in_force_and_no_secret() {
    let url = "postgres://app:hunter2@10.0.0.5/shop";
    let words = ["show", "--upstream", url, "--pool-size", "7", "--listen", "127.0.0.1:0"];
    let (code, out, err) = config(&words);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("size = 7\n") && out.contains("\"127.0.0.1:0\""), "{out}");
    assert!(out.contains("postgres://app:***@10.0.0.5/shop") && !out.contains("hunter2"), "{out}");
}

#[test]
fn an_ini_file_is_checked_with_a_warning_for_what_is_left_out() {
    let (code, out, _) = config(&["check", "files/pgbouncer.ini"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.starts_with("warning: files/pgbouncer.ini:6:1: pidfile: "), "{out}");
    assert!(out.ends_with("ok\n"), "{out}");
}

#[test]
fn a_password_is_taken_from_the_environment() {
    let (code, out, _) = config(&["check", "files/environment.toml"]);
    assert_eq!((code, out.as_str()), (0, "ok\n"));
}
