//! Metrics reach an OpenTelemetry collector, and one that is dead hinders nobody.

use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::Value;
use weir_testkit::{Post, until};

use crate::stage::{PATIENCE, Stage};

/// A request that the collector got: its head, and its body.
type Got = (String, Value);

/// A collector that answers each request with the next of these statuses, the last one for ever.
fn collector(statuses: &'static [&'static str]) -> (u16, Receiver<Got>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (got, requests) = channel();
    thread::spawn(move || {
        for (at, stream) in listener.incoming().enumerate() {
            let status = statuses[at.min(statuses.len() - 1)];
            // The test may be over.
            let Ok(request) = stream.and_then(|stream| serve(&stream, status)) else { return };
            if got.send(request).is_err() {
                return;
            }
        }
    });
    (port, requests)
}

fn serve(stream: &TcpStream, status: &str) -> std::io::Result<Got> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let Post { head, body } = Post::take(stream, status)?;
    Ok((head, serde_json::from_slice(&body)?))
}

fn exporting(port: u16, more: &str) -> Stage {
    let otlp = format!("[otlp]\nurl = \"http://127.0.0.1:{port}\"\nevery = \"1s\"\n{more}");
    Stage::with(&format!("[pool]\nsize = 4\n{otlp}"))
}

fn metric<'a>(body: &'a Value, name: &str) -> &'a Value {
    let metrics = body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap();
    metrics.iter().find(|metric| metric["name"] == name).unwrap_or_else(|| panic!("no {name}"))
}

/// The value of the only point of this test's pool.
fn value(body: &Value, name: &str, kind: &str, database: &str) -> f64 {
    let points = metric(body, name)[kind]["dataPoints"].as_array().unwrap();
    let mine = |point: &&Value| point["attributes"].to_string().contains(database);
    points.iter().find(mine).map_or(0.0, |point| point["asDouble"].as_f64().unwrap())
}

#[test]
fn a_collector_gets_the_metrics_under_the_names_of_opentelemetry() {
    let (port, requests) = collector(&["200 OK"]);
    let stage = exporting(port, "token = \"sesame\"\ninstance = \"weir-7\"\n");
    let mut client = stage.client();
    client.query("SELECT 1").unwrap();
    let (head, body) = until("an export with the transaction", PATIENCE, || {
        let got = requests.recv_timeout(PATIENCE)?;
        let transactions = value(&got.1, "weir.transactions", "sum", &stage.database);
        Ok((transactions >= 1.0).then_some(got))
    })
    .unwrap();
    assert!(head.starts_with("POST /v1/metrics HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/json\r\n"), "{head}");
    assert!(head.contains("authorization: Bearer sesame\r\n"), "{head}");
    let resource = body["resourceMetrics"][0]["resource"].to_string();
    assert!(resource.contains("\"service.name\"") && resource.contains("weir-7"), "{resource}");
    assert_eq!(value(&body, "db.client.connection.max", "gauge", &stage.database), 4.0);
    let created = &metric(&body, "db.client.connection.create_time")["histogram"];
    let created = &created["dataPoints"][0];
    assert!(created["count"].as_str().unwrap().parse::<u64>().unwrap() >= 1, "{created}");
    assert!(created["sum"].as_f64().unwrap() > 0.0, "{created}");
    assert_eq!(metric(&body, "db.client.connection.timeouts")["sum"]["isMonotonic"], true);
    assert!(!stage.weir.log().contains("sesame"));
}

#[test]
fn a_collector_that_refuses_is_told_of_once_and_gets_the_next_sums() {
    let (port, requests) = collector(&["503 Busy", "503 Busy", "200 OK"]);
    let stage = exporting(port, "");
    until("the log to say that it works again", PATIENCE, || {
        Ok(stage.weir.log().contains("metrics are exported again").then_some(()))
    })
    .unwrap();
    let log = stage.weir.log();
    assert_eq!(log.matches("metrics are not exported").count(), 1, "{log}");
    assert!(log.contains("status 503"), "{log}");
    for _ in 0..3 {
        requests.recv_timeout(PATIENCE).unwrap();
    }
}

#[test]
fn a_collector_that_never_answers_delays_nobody() {
    // It accepts by its backlog, and says nothing ever.
    let dead = TcpListener::bind("127.0.0.1:0").unwrap();
    let stage = exporting(dead.local_addr().unwrap().port(), "timeout = \"50s\"\n");
    let (_export, _) = dead.accept().unwrap();
    // An export hangs now.
    let mut client = stage.client();
    for n in 0..200 {
        assert_eq!(client.value(&format!("SELECT {n}")).unwrap(), n.to_string());
    }
    assert!(stage.http("/metrics", "").contains("\nweir_up 1\n"));
    assert!(stage.http("/api/v1/ledger", "").contains("\"drift_seconds\":0.0"));
    assert!(!stage.weir.log().contains("metrics are not exported"));
    stage.weir.stop().unwrap();
}
