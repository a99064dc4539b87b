//! HTTP: health, readiness, metrics.

use weir_testkit::{Signal, until};

use crate::stage::{PATIENCE, Stage};

#[test]
fn a_proxy_that_serves_is_healthy_and_ready() {
    let stage = Stage::new();
    let healthy = stage.http("/healthz", "");
    assert!(healthy.starts_with("HTTP/1.1 200 "), "{healthy}");
    assert!(healthy.contains("\"status\":\"ok\""), "{healthy}");
    let ready = stage.http("/readyz", "");
    assert!(ready.starts_with("HTTP/1.1 200 "), "{ready}");
    assert!(ready.contains("\"status\":\"ready\""), "{ready}");
    let nothing = stage.http("/nothing", "");
    assert!(nothing.starts_with("HTTP/1.1 404 "), "{nothing}");
}

#[test]
fn a_proxy_that_stops_is_healthy_and_not_ready() {
    let mut stage = Stage::new();
    let mut busy = stage.client();
    busy.query("BEGIN; SELECT 1").unwrap();
    stage.weir.signal(Signal::TERM).unwrap();
    let unready = until("not ready", PATIENCE, || {
        let answer = stage.http("/readyz", "");
        Ok(answer.starts_with("HTTP/1.1 503 ").then_some(answer))
    });
    let unready = unready.unwrap();
    assert!(unready.contains("\"reason\":\"stopping\""), "{unready}");
    assert!(stage.http("/healthz", "").starts_with("HTTP/1.1 200 "));
    assert!(stage.http("/metrics", "").contains("\nweir_up 0\n"));
    busy.query("COMMIT").unwrap();
    assert!(stage.weir.wait().unwrap().success());
}

#[test]
fn metrics_count_what_clients_do() {
    let stage = Stage::new();
    let mut busy = stage.client();
    busy.query("SELECT 1").unwrap();
    busy.query("BEGIN; SELECT 1").unwrap();
    let text = stage.http("/metrics", "");
    assert!(text.contains("text/plain; version=0.0.4"), "{text}");
    let labels = format!("database=\"{}\",user=\"postgres\"", stage.database);
    for line in [
        format!("\nweir_pool_clients{{{labels},state=\"idle_in_transaction\"}} 1\n"),
        format!("\nweir_pool_servers{{{labels},state=\"active\"}} 1\n"),
        format!("\nweir_pool_slots{{{labels}}} 4\n"),
        format!("\nweir_statements_total{{{labels}}} 2\n"),
        format!("\nweir_logins_total{{{labels}}} 1\n"),
    ] {
        assert!(text.contains(&line), "{line} is not in {text}");
    }
}

#[test]
fn a_token_guards_metrics_and_not_probes() {
    let stage = Stage::with("token = \"open-sesame\"\n");
    let right = "Authorization: Bearer open-sesame\r\n";
    assert!(stage.http("/metrics", right).starts_with("HTTP/1.1 200 "));
    for wrong in
        ["", "Authorization: Bearer open-sesam\r\n", "Authorization: Basic open-sesame\r\n"]
    {
        let refused = stage.http("/metrics", wrong);
        assert!(refused.starts_with("HTTP/1.1 401 "), "{wrong}: {refused}");
    }
    assert!(stage.http("/healthz", "").starts_with("HTTP/1.1 200 "));
    assert!(stage.http("/readyz", "").starts_with("HTTP/1.1 200 "));
}
