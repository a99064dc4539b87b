//! What the log tells, and what it does not.

use crate::stage::{Stage, code};

#[test]
fn goodbyes_errors_and_totals_are_logged() {
    let stage = Stage::new(&[
        ("pool", "size = 1\nquery_wait_timeout = \"100ms\""),
        ("log", "stats_every = \"2s\""),
    ]);
    let (mut holder, mut client) = (stage.client(), stage.client());
    holder.query("BEGIN; SELECT 'secret'").unwrap();
    assert_eq!(code(&mut client, "SELECT 'secret'"), "53300");
    drop(client);
    let who = ["postgres", stage.database.as_str(), "127.0.0.1:"];
    stage.logs(&[&who[..], &["error: no server connection within", "53300"]].concat());
    stage.logs(&[&who[..], &["disconnected: ", "age_s="]].concat());
    stage.logs(&["totals: ", "transactions/s", "queries/s", stage.database.as_str()]);
    assert!(!stage.weir.log().contains("secret"), "a statement is logged");
}

#[test]
fn what_is_switched_off_is_not_logged() {
    let quiet = "connections = false\ndisconnections = false\npooler_errors = false\n\
                 stats_every = \"off\"";
    let stage = Stage::new(&[("pool", "size = 1\nquery_wait_timeout = \"3s\""), ("log", quiet)]);
    let (mut holder, mut client) = (stage.client(), stage.client());
    holder.query("BEGIN; SELECT 1").unwrap();
    assert_eq!(code(&mut client, "SELECT 1"), "53300");
    drop((holder, client));
    // A login after their goodbyes: those would be in the log by now.
    stage.client().query("SELECT 1").unwrap();
    let log = stage.weir.log();
    for word in ["connected", "error: ", "totals: "] {
        assert!(!log.contains(word), "{word} in {log}");
    }
    assert!(log.contains("the event loop is "), "{log}");
}
