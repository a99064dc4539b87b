//! A process that is killed at any moment loses nothing that it has shown.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use weir_testkit::{Account, Scratch};

use super::*;
use crate::incident::Keeper;
use crate::store::IncidentStore;

/// Where the child writes; without it the child's test does nothing.
const PLACE: &str = "WEIR_TEST_CRASH_DIR";

/// The child: incidents without end, each event shown once it is kept.
#[test]
fn child_that_is_killed() {
    let Some(dir) = std::env::var_os(PLACE) else { return };
    let mut keeper = Keeper::new(Some(IncidentStore::open(dir.as_ref()).unwrap()));
    let mut out = std::io::stdout();
    let mut script = Script::new(1);
    loop {
        let records = script.play("xx....");
        keeper.keep(&records);
        for record in &records {
            if let Record::Event(id, event) = record {
                writeln!(out, "shown {id} {}", event.seq).unwrap();
            }
        }
        out.flush().unwrap();
    }
}

#[test]
fn nothing_that_was_shown_is_lost_by_kill_9() {
    for shown_before in [1, 7, 40, 100] {
        let home = Scratch::new(Account::own()).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "incident::tests::crash::child_that_is_killed", "--nocapture"])
            .env(PLACE, home.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut shown = Vec::new();
        while shown.len() < shown_before {
            shown.extend(read(&lines.next().expect("the child goes on").unwrap()));
        }
        // SIGKILL: the child has no say in it.
        child.kill().unwrap();
        child.wait().unwrap();
        shown.extend(lines.map_while(Result::ok).filter_map(|line| read(&line)));
        let store = IncidentStore::open(home.path()).unwrap();
        for (id, seq) in &shown {
            let incident = store.find(id).unwrap().expect("the incident is kept");
            let events = store.events(&incident.id).unwrap();
            assert!(events.iter().any(|event| event.seq == *seq), "{id} {seq} was shown");
        }
    }
}

fn read(line: &str) -> Option<(String, u32)> {
    // The test runner may have begun the line.
    let (_, rest) = line.split_once("shown ")?;
    let (id, seq) = rest.split_once(' ')?;
    Some((id.to_owned(), seq.parse().ok()?))
}
