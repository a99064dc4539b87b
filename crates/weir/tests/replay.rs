//! `weir replay` from outside, in small: what must hold of a replay on any machine, however slow.

#![cfg(feature = "demo")]
// A test stops where its surroundings are missing.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use weir_testkit::{Account, Scratch, until};

/// No wait of these tests takes this long.
const LIMIT: Duration = Duration::from_secs(120);

fn replay(words: &[&str], out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.arg("replay").args(words).arg("--out").arg(out);
    command
}

/// The figures of one set-up.
fn of<'a>(report: &'a Value, setup: &str) -> &'a Value {
    let all = report["set_ups"].as_array().unwrap();
    all.iter().find(|figures| figures["setup"] == setup).unwrap()
}

#[test]
fn the_incident_happens_and_the_books_balance_though_the_service_is_killed() {
    let home = Scratch::new(Account::own()).unwrap();
    let words = ["--scale", "0.5", "--orders-seeded", "3000", "--kill-at-s", "7"];
    let words = [&words[..], &["--setups", "story,weir-optimised"]].concat();
    let output = replay(&words, home.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");

    let report = fs::read_to_string(home.path().join("replay.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    let story = of(&report, "story");
    let taken = story["connections_peak"].as_i64().unwrap();
    assert!(taken >= 97, "{taken} of 97 usable connections were taken: {said}");
    let fixed = of(&report, "weir-optimised");
    let peak = fixed["connections_peak"].as_i64().unwrap();
    assert!(peak <= 45, "{peak}");
    let books = &fixed["books"];
    for wrong in ["pieces_lost", "pieces_doubled", "notifications_lost", "notifications_doubled"] {
        assert_eq!(books[wrong], 0, "{wrong}: {books}");
    }
    assert_eq!((&books["notifications_of_nothing"], &books["unsure"]), (&0.into(), &0.into()));
    assert!(books["items_accepted"].as_u64().unwrap() > 100, "{books}");
    for setup in [story, fixed] {
        assert!(setup["events"].to_string().contains("is killed (-9)"), "{}", setup["events"]);
    }

    let table = String::from_utf8_lossy(&output.stdout);
    for part in ["peak server connections", "97/100", "replay.html", "weir-optimised"] {
        assert!(table.contains(part), "no {part:?} in:\n{table}");
    }
    assert!(fs::read_to_string(home.path().join("replay.html")).unwrap().ends_with("</html>"));
}

#[test]
fn what_cannot_be_is_refused_at_once_in_one_line() {
    let home = Scratch::new(Account::own()).unwrap();
    for (words, reason) in [
        (["--scale", "0"], "--scale is 0, and must be from 0.1"),
        (["--scale", "NaN"], "--scale is NaN"),
        (["--orders", "/nowhere/orders"], "there is no program /nowhere/orders"),
        (["--kill-at-s", "23"], "--kill-at-s is 23, and a run lasts 23 s"),
        (["--orders-seeded", "0"], "--orders-seeded is 0"),
    ] {
        let output = replay(&words, home.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(reason) && said.lines().count() == 1, "{words:?}: {said}");
    }
}

#[test]
fn a_set_up_that_fails_says_why_and_spares_the_others() {
    let home = Scratch::new(Account::own()).unwrap();
    let words = ["--scale", "0.1", "--orders-seeded", "500", "--weir", "/bin/false"];
    let words = [&words[..], &["--setups", "weir-unchanged,story"]].concat();
    let output = replay(&words, home.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("set-up weir-unchanged failed: `weir up"), "{said}");
    assert!(said.contains("`weir replay --setups NAME` tries one alone"), "{said}");
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(table.contains("story") && !table.contains("weir-unchanged"), "{table}");
}

/// Killed in the middle, by -9 and by Ctrl-C: no process and no directory stays.
#[test]
fn however_it_ends_nothing_is_left() {
    for signal in ["KILL", "INT"] {
        let home = Scratch::new(Account::own()).unwrap();
        let words = ["--orders-seeded", "1000", "--setups", "weir-optimised"];
        let mut child = replay(&words, home.path()).stderr(Stdio::piped()).spawn().unwrap();
        let progress = BufReader::new(child.stderr.take().unwrap());
        let mut lines = progress.lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("traffic begins")), "it never got so far");
        assert!(left_of(&child).iter().any(|left| left.contains("orders")), "all are running");
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        child.wait().unwrap();
        let what = format!("everything to end after SIG{signal}");
        until(&what, LIMIT, || Ok(left_of(&child).is_empty().then_some(()))).unwrap();
    }
}

/// Processes and directories that `child` has started or made: its scratch directories have its
/// process id in their names, and so do the command lines of what runs in them.
fn left_of(child: &Child) -> Vec<String> {
    let mark = std::env::temp_dir().join(format!("weir-{}-", child.id())).display().to_string();
    let read = |entry: PathBuf| fs::read(entry.join("cmdline")).ok();
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| read(entry.ok()?.path()));
    let lines = processes.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    let dirs = fs::read_dir(std::env::temp_dir()).unwrap();
    let dirs = dirs.filter_map(|entry| Some(entry.ok()?.path().display().to_string()));
    lines.chain(dirs).filter(|text| text.contains(&mark)).collect()
}
