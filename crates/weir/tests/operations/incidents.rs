//! A refusal opens an incident, which is read from the state directory while the proxy runs.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use weir_testkit::{Account, Scratch, Signal, output_within, until};

use crate::stage::{PATIENCE, Stage};

fn weir(dir: &Path, words: &[&str]) -> String {
    let mut weir = Command::new(env!("CARGO_BIN_EXE_weir"));
    weir.args(words).arg("--state-dir").arg(dir);
    output_within(PATIENCE, &mut weir).unwrap()
}

#[test]
fn a_refused_request_opens_an_incident_that_can_be_read_at_once() {
    let home = Scratch::new(Account::own()).unwrap();
    let more = "[pool]\nsize = 1\nquery_wait_timeout = \"50ms\"\n";
    let stage = Stage::keeping(home.path(), more);
    let mut holder = stage.client();
    holder.query("BEGIN").unwrap();
    holder.query("SELECT 1").unwrap();
    // The first look only sets the beginning, so one refusal could be too early.
    let incident = until("an incident with a refusal", PATIENCE, || {
        stage.client().query("SELECT 2").unwrap_err();
        let list: Value =
            serde_json::from_str(&weir(home.path(), &["incident", "list", "--json"]))?;
        let refused = list[0]["impact"]["refused"].as_u64().unwrap_or(0);
        Ok((refused > 0).then(|| list[0].clone()))
    })
    .unwrap();
    assert_ne!(incident["state"], "closed");
    let id = incident["id"].as_str().unwrap();
    let shown = weir(home.path(), &["incident", "show", id]);
    assert!(
        shown.contains("Incident opened") && shown.contains("First requests refused"),
        "{shown}"
    );
    let report = weir(home.path(), &["incident", "report", "--format", "html", "--lang", "zh"]);
    assert!(report.contains(id) && report.contains("首次拒绝请求"), "{report}");
}

#[test]
fn a_stop_says_which_alerts_were_not_sent() {
    let home = Scratch::new(Account::own()).unwrap();
    // Nobody listens on port 1.
    let more = "[pool]\nsize = 1\nquery_wait_timeout = \"50ms\"\n\
                [alerts.dead]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:1/\"\n";
    let mut stage = Stage::keeping(home.path(), more);
    let mut holder = stage.client();
    holder.query("BEGIN").unwrap();
    holder.query("SELECT 1").unwrap();
    until("a try to tell", PATIENCE, || {
        stage.client().query("SELECT 2").unwrap_err();
        Ok(stage.weir.log().contains("alert not delivered").then_some(()))
    })
    .unwrap();
    assert!(!stage.weir.log().contains("alert given up"));
    drop(holder);
    stage.weir.signal(Signal::TERM).unwrap();
    assert!(stage.weir.wait().unwrap().success());
    assert!(stage.weir.log().contains("alert given up"), "{}", stage.weir.log());
}
