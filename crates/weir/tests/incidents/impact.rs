//! Whom an incident hurt, counted in real traffic.

use serde_json::Value;
use weir_testkit::Signal;

use crate::stage::{Stage, event};

#[test]
fn everything_an_incident_cost_is_counted() {
    let more = "[pool]\nsize = 2\nquery_wait_timeout = \"50ms\"\n[incident]\n\
                request_price = \"26.5 CNY\"\ncalm = \"1s\"\nquiet = \"2s\"\n[guard]\n\
                idle_transaction = \"500ms\"\n";
    let mut stage = Stage::new(more);
    let _holders = [stage.holder("bulk"), stage.holder("bulk")];
    let mut turn = 0;
    stage.until_incident("seven users refused", |story| {
        // Seven people, each again and again.
        for user in 0..7 {
            turn += 1;
            let sql = format!("SELECT {turn} /* route='shop', user_id='{user}' */");
            stage.client().query(&sql).unwrap_err();
        }
        story["incident"]["impact"]["users"] == 7
            && story["incident"]["impact"]["failure_percent_max"].as_u64() > Some(50)
            && story["incident"]["suspects"][0]["finding"]["cause"] == "waits-on-application"
    });
    stage.rewrite(&more.replace("size = 2", "size = 3"));
    stage.weir.signal(Signal::HUP).unwrap();
    stage.until_incident("the change of the pool", |story| {
        event(story, "config-changed", |event| event["what"] == "pool.size")
    });
    // The server takes a transaction away.
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                WHERE state = 'idle in transaction'";
    stage.server.execute("postgres", kill).unwrap();
    let story = stage.until_incident("the end", |story| {
        story["incident"]["impact"]["failed"] == 2 && story["incident"]["state"] == "closed"
    });
    let impact = &story["incident"]["impact"];
    let at_least = |field: &str, least: u64| {
        assert!(impact[field].as_u64() >= Some(least), "{field}: {impact:#}");
    };
    at_least("refused", 7);
    at_least("requests", 7);
    at_least("lasted_ms", 1);
    at_least("wait_ms_max", 1);
    assert_eq!((&impact["users"], &impact["users_at_least"]), (&7.into(), &Value::Bool(false)));
    assert!(impact["connections_max"].is_array(), "{impact:#}");
    let lost = impact["refused"].as_u64().unwrap() + 2;
    let (_, report) = stage.http("/api/v1/incidents/latest/report?format=md", "");
    for part in [
        "| Users hit | 7 |",
        "| Failed | 2 |",
        " CNY |",
        "silent after `select ?",
        "route bulk",
        "Configuration changed: pool.size",
        "would have been enough",
        "docs/operating/causes/waits-on-application.md",
    ] {
        assert!(report.contains(part), "{lost}: {part} is not in {report}");
    }
}
