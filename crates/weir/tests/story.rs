//! The story's incident as the guard tells it: straight on a server whose connections are all
//! taken, and behind Weir, from opening to report.

#![cfg(feature = "demo")]
// A test stops where its surroundings are missing.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use weir_testkit::{Account, Launch, Scratch, Session, SqlError, Weir, output_within, until};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");

/// A statement is long from here, seconds. The guard's other times are in proportion.
const LONG_S: f64 = 1.0;

/// How long anything may take that must happen, a whole replay included.
const PATIENCE: Duration = Duration::from_secs(300);

/// The incident opens this long after the first request that fails, at most.
const OPENS_WITHIN_MS: u64 = 2_000;

const BULK: &str = "POST /orders/bulk";
const REPORT: &str = "GET /orders/statistics";

/// A running replay of one set-up.
struct Replay {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
}

impl Replay {
    fn start(setup: &str, scale: &str, out: &Path) -> Self {
        let mut command = Command::new(WEIR);
        command.args(["replay", "--setups", setup, "--scale", scale]);
        command.args(["--orders-seeded", "300000", "--long-s", &LONG_S.to_string()]);
        command.arg("--out").arg(out);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, lines }
    }

    /// What follows these words in a line of its progress.
    fn after(&mut self, words: &str) -> String {
        for line in self.lines.by_ref() {
            if let Some((_, rest)) = line.unwrap().split_once(words) {
                return rest.to_owned();
            }
        }
        panic!("it ended before it said {words:?}");
    }

    /// The number that follows these words.
    fn number_after(&mut self, words: &str) -> u16 {
        let rest = self.after(words);
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse().unwrap()
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        // Everything that it started ends with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A configuration before the server at this port, with times in the replay's proportion.
fn configuration(port: u16) -> String {
    format!(
        "[listen]\naddresses = [\"127.0.0.1:0\"]\n[http]\naddress = \"127.0.0.1:0\"\n\
         [auth]\nmethod = \"trust\"\n[databases.\"*\"]\n\
         upstream = \"postgres://postgres@127.0.0.1:{port}\"\n{}",
        weir_replay::guard::thresholds(LONG_S)
    )
}

fn health(weir: &Weir) -> Value {
    let mut stream = TcpStream::connect(weir.http().unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /api/v1/health HTTP/1.1\r\nHost: weir\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// Whether an ordinary role is refused for want of a connection.
fn is_refused(port: u16) -> bool {
    match Session::tcp(port, "shop", "run_story") {
        Ok(_) => false,
        Err(error) => error.downcast_ref::<SqlError>().is_some_and(|said| said.code == "53300"),
    }
}

/// Whether these issues name the bulk job, with the place where it waits.
fn names_bulk(issues: &Value) -> bool {
    let gap = |issue: &Value| {
        let before = issue["culprit"]["gap"]["before"]["text"].as_str().unwrap_or_default();
        before.starts_with("insert into order_items")
    };
    found(issues, "waits-on-application", BULK).is_some_and(|bulk| gap(&bulk))
}

/// Whether these issues name both culprits, with what proves it.
fn names_both(issues: &Value) -> bool {
    names_bulk(issues) && found(issues, "application-aggregation", REPORT).is_some()
}

fn found(issues: &Value, cause: &str, route: &str) -> Option<Value> {
    let all = issues.as_array().map(Vec::as_slice).unwrap_or_default();
    let is = |issue: &&Value| issue["cause"] == cause && issue["culprit"]["route"] == route;
    all.iter().find(is).cloned()
}

/// Everything is seen in the same moments: a client is refused before and after each look. In these
/// moments the bulk job holds all connections: a report gets one by luck only.
#[test]
fn a_full_server_is_looked_at_while_nobody_else_comes_in() {
    let home = Scratch::new(Account::own()).unwrap();
    let mut replay = Replay::start("story", "2", home.path());
    let port = replay.number_after(" on 127.0.0.1:");
    let file = home.path().join("weir.toml");
    fs::write(&file, configuration(port)).unwrap();
    replay.after("set-up story");
    let weir = Weir::configured(Path::new(WEIR), &configuration(port)).unwrap();
    let kept = home.path().join("kept");
    let watch = Launch::new(WEIR, &home.path().join("log")).args(["watch", "--config"]);
    let watch = watch.args([&file]).args(["--state-dir"]).args([&kept]);
    let _watch = watch.start().unwrap();
    replay.after("traffic begins");
    let (mut checked, mut served, mut named) = (false, false, false);
    until("check and health to tell of a full server", PATIENCE, || {
        if !is_refused(port) {
            return Ok(None);
        }
        let output =
            Command::new(WEIR).args(["check", "--json", "--config"]).arg(&file).output()?;
        let check: Value = serde_json::from_slice(&output.stdout)?;
        let health = health(&weir);
        if is_refused(port) {
            let full = |answer: &Value| {
                let connections = &answer["servers"][0]["connections"];
                answer["status"] == "critical"
                    && connections["used"].as_u64() >= connections["limit"].as_u64()
                    && connections["limit"].is_u64()
            };
            checked |= full(&check);
            served |= full(&health);
            named |= names_bulk(&check["servers"][0]["issues"]);
        }
        Ok((checked && served && named).then_some(()))
    })
    .unwrap_or_else(|error| panic!("{error:#}; check {checked}, health {served}, named {named}"));
    until("weir watch to keep the incident with its culprit", PATIENCE, || {
        // There may be none yet.
        let Ok(told) = asked(&["show", "--json"], &kept) else { return Ok(None) };
        let told: Value = serde_json::from_str(&told)?;
        let events = told["events"].to_string();
        let named = names_bulk(&findings(&told)) && events.contains("limit-reached");
        Ok(named.then_some(()))
    })
    .unwrap();
}

/// What is held against the suspects of an incident, the first suspect first.
fn findings(told: &Value) -> Value {
    let suspects = told["incident"]["suspects"].as_array().map(Vec::as_slice).unwrap_or_default();
    suspects.iter().map(|one| one["finding"].clone()).collect()
}

/// `weir incident` over what the replay's Weir kept.
fn incident(words: &[&str], state_dir: &Path) -> String {
    asked(words, state_dir).unwrap()
}

/// The same, unless it fails.
fn asked(words: &[&str], state_dir: &Path) -> anyhow::Result<String> {
    let mut command = Command::new(WEIR);
    command.arg("incident").args(words).arg("--state-dir").arg(state_dir);
    output_within(PATIENCE, &mut command)
}

#[test]
fn the_incident_behind_weir_is_told_from_opening_to_end() {
    let home = Scratch::new(Account::own()).unwrap();
    let mut replay = Replay::start("weir-unchanged", "1", home.path());
    let progress: Vec<String> = replay.lines.by_ref().map_while(Result::ok).collect();
    assert!(replay.child.wait().unwrap().success(), "{progress:#?}");
    let kept = home.path().join("weir-unchanged");
    let list: Value = serde_json::from_str(&incident(&["list", "--json"], &kept)).unwrap();
    // The first one is that of the load; a machine that is slow enough has another one after it.
    let id = list.as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
    let told: Value = serde_json::from_str(&incident(&["show", &id, "--json"], &kept)).unwrap();
    assert_eq!(told["incident"]["state"], "closed", "by itself: {told:#}");
    let findings = findings(&told);
    assert!(names_both(&findings), "{}", told["events"]);
    // Beside it there may be what a slow machine adds of its own.
    let bulk = findings.iter().filter(|finding| finding["culprit"]["route"] == BULK);
    let mut after = bulk.filter_map(|found| found["culprit"]["gap"]["after"]["text"].as_str());
    assert!(after.any(|after| after.contains("from users where id")), "{findings:#?}");
    opens_in_time(&told);
    let report = incident(&["report", &id], &kept);
    for part in [BULK, REPORT, "insert into order_items", "from users where id"] {
        assert!(report.contains(part), "no {part:?} in:\n{report}");
    }
    let page = incident(&["report", &id, "--format", "html", "--lang", "zh"], &kept);
    assert!(page.contains("<svg") && page.contains(BULK) && page.contains("</html>"));
}

/// By the times that were recorded, whatever the machine did meanwhile.
fn opens_in_time(told: &Value) {
    let opened = told["incident"]["opened"].as_u64().unwrap();
    let events = told["events"].as_array().unwrap();
    let lost: Vec<u64> = events
        .iter()
        .filter(|event| matches!(event["kind"].as_str(), Some("first-refusal" | "first-failure")))
        .map(|event| event["at"].as_u64().unwrap())
        .collect();
    assert!(!lost.is_empty(), "requests were lost: {events:#?}");
    for at in lost {
        assert!(opened <= at + OPENS_WITHIN_MS, "opened at {opened}, first lost at {at}");
    }
}
