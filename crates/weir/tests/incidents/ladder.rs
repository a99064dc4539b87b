//! What the healing ladder does stands in the incident: that it acted and what came of it, and that
//! it stopped because that did not help.

use std::thread;

use serde_json::Value;
use weir_testkit::until;

use crate::stage::{PATIENCE, Stage, event};

/// One slot, a short wait, cancels of what runs for a moment, and closing in this mode. One cancel
/// that does not help is enough.
fn text(close: &str) -> String {
    format!(
        "[pool]\nsize = 1\nquery_wait_timeout = \"300ms\"\n\
         [healing]\nstatement = \"200ms\"\nstuck = \"200ms\"\nexempt_superusers = false\n\
         cancel = \"enforce\"\nclose = \"{close}\"\nfruitless_max = 1\n"
    )
}

/// A function that goes on whatever cancels it.
const STUBBORN: &str = "CREATE FUNCTION stubborn() RETURNS void LANGUAGE plpgsql AS \
     'BEGIN LOOP BEGIN PERFORM pg_sleep(600); \
     EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END'";

/// Whether the story has an action of this step with this outcome.
fn acted(story: &Value, step: &str, verdict: &Value) -> bool {
    event(story, "action", |event| event["step"] == step && event["verdict"] == *verdict)
}

#[test]
fn an_action_without_effect_and_the_breaker_stand_in_the_incident() {
    let stage = Stage::new(&text("warn"));
    stage.server.execute("postgres", STUBBORN).unwrap();
    let mut busy = stage.holder("report");
    busy.query("COMMIT").unwrap();
    thread::spawn(move || busy.query("SELECT stubborn() /* route='report' */").map(drop));
    let holds = || Ok(stage.psql("weir", "SHOW HOLDERS").contains("report").then_some(()));
    until("the statement", PATIENCE, holds).unwrap();
    // Those who are refused are the incident; the one who waits is why something is done.
    let wants = || stage.client().query("SELECT 1").unwrap_err();
    let told = stage.until_incident("a cancel that did not help", |story| {
        wants();
        acted(story, "cancel", &"done".into()) && event(story, "effect", |_| true)
    });
    assert!(event(&told, "effect", |event| event["slots_freed"] == 0), "{told:#}");
    stage.rewrite(&text("enforce"));
    stage.psql("weir", "RELOAD");
    let held_back = serde_json::json!({ "withheld": "breaker" });
    let told = stage.until_incident("a close that is held back", |story| {
        wants();
        acted(story, "close", &held_back)
    });
    assert!(!acted(&told, "close", &"done".into()), "{told:#}");
    stage.psql("weir", "UNFREEZE");
    stage.until_incident("the close", |story| {
        let _ = stage.client().query("SELECT 1");
        acted(story, "close", &"done".into())
    });
}
