//! What people do wrong at first, and what they are told.

use std::process::Command;

/// Runs `weir` with these words where the environment names no role. Nothing can be told, so it
/// must not end as if a server were critical.
fn told(words: &[&str]) -> String {
    let mut weir = Command::new(env!("CARGO_BIN_EXE_weir"));
    let output = weir.args(words).env_remove("PGUSER").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{words:?}: {text}");
    text
}

#[test]
fn a_command_line_that_is_wrong_is_no_critical_server() {
    for command in ["check", "watch"] {
        let text = told(&[command]);
        assert!(text.contains("--url <URL>|--config <FILE>"), "{text}");
        let text = told(&[command, "--url", "127.0.0.1:5432"]);
        assert!(text.contains("--url: the URL does not begin with postgres://"), "{text}");
        let text = told(&[command, "--url", "postgres://127.0.0.1:5432/shop"]);
        assert!(text.contains("postgres://ROLE@host:port/dbname, or set PGUSER"), "{text}");
    }
}
