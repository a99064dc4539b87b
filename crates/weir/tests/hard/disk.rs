//! The disk is full: by a limit on the size of files, which every system has, and by a file system
//! without room, where this process may make one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::Value;
use weir_testkit::{Account, Scratch, until};

use crate::stage::{PATIENCE, Stage, WEIR, kinds};

/// How long it may take to fill what is left of a disk, which is some hundred reloads.
const FILL_MAX: Duration = Duration::from_secs(600);

/// A script that runs Weir after these commands.
fn wrapped(home: &Scratch, commands: &str) -> PathBuf {
    let program = home.path().join("weir");
    fs::write(&program, format!("#!/bin/sh\n{commands}\nexec {WEIR} \"$@\"\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

/// Events until the disk takes none, and some more; then `make_room`, and all are there.
fn check(stage: &mut Stage, make_room: impl FnOnce(&Stage)) {
    let holder = stage.hurt();
    let mut reloads = 0;
    until("the disk to be full", FILL_MAX, || {
        stage.reload();
        reloads += 1;
        Ok(stage.weir.log().contains("kept in memory until they can be stored").then_some(()))
    })
    .unwrap();
    stage.reload();
    // Clients are served as before, and what was kept can be read.
    assert!(stage.weir.session("postgres", "postgres").is_ok());
    let before = stage.incident();
    assert!(!kinds(&before).is_empty());
    make_room(stage);
    until("everything to be stored", PATIENCE, || {
        stage.reload();
        Ok(stage.weir.log().contains("incidents are stored again").then_some(()))
    })
    .unwrap();
    // What happens now comes behind all that was kept.
    let known = kinds(&before).len();
    let stored = until("one event more", PATIENCE, || {
        stage.reload();
        Ok(Some(stage.incident()).filter(|incident| kinds(incident).len() > known))
    });
    stored.unwrap_or_else(|error| panic!("{known} before, {reloads} reloads: {error:#}"));
    drop(holder);
    let said = stage.weir.log().matches("incidents are kept in memory until").count();
    assert_eq!(said, 1, "it is said once");
}

#[test]
fn files_that_may_not_grow() {
    let home = Scratch::new(Account::own()).unwrap();
    // Without the signal, a write beyond the limit fails like one on a full disk.
    let program = wrapped(&home, "trap '' XFSZ\nulimit -S -f 256");
    let kept = home.path().join("state");
    let mut stage = Stage::run_as(&program, home, &kept);
    check(&mut stage, |stage| {
        let pid = Pid::from_raw(stage.weir.pid());
        prlimit(pid, Resource::Fsize, Rlimit { current: None, maximum: None }).unwrap();
    });
}

/// Weir in a file system of its own of so many KiB, which others reach by the path of its process;
/// none where this process may not make one.
#[expect(clippy::print_stderr, reason = "a test that is left out must be seen")]
fn alone(kib: u32, more: &str) -> Option<(Stage, PathBuf)> {
    let mut may = Command::new("unshare");
    may.args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]);
    if !may.status().is_ok_and(|status| status.success()) {
        eprintln!("--- SKIPPED: this process may make no file system of its own");
        return None;
    }
    let home = Scratch::new(Account::own()).unwrap();
    let state_dir = home.path().join("state");
    fs::create_dir(&state_dir).unwrap();
    let inner = wrapped(&home, &format!("mount -t tmpfs -o size={kib}k none {state_dir:?}"));
    let script = format!("#!/bin/sh\nexec unshare -rm {inner:?} \"$@\"\n");
    let program = home.path().join("alone");
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let mut stage = Stage::run_with(&program, home, &state_dir, more);
    // Another process sees that file system only beside the one that has it.
    let pid = stage.weir.pid().to_string();
    let beside = ["nsenter", "--user", "--mount", "--preserve-credentials", "--target", &pid, WEIR];
    stage.reader = beside.map(str::to_owned).to_vec();
    let root = PathBuf::from(format!("/proc/{pid}/root"));
    Some((stage, root.join(state_dir.strip_prefix("/").unwrap())))
}

#[test]
fn a_file_system_without_room() {
    let Some((mut stage, state_dir)) = alone(400, "") else { return };
    let filler = state_dir.join("filler");
    fs::write(&filler, vec![7; 150 << 10]).unwrap();
    check(&mut stage, |_| fs::remove_file(&filler).unwrap());
}

const EVERY_SECOND: &str = "[ledger]\nhistory_every = \"1s\"\n";

const FULL: &str = "the ledger's history is kept in memory until it can be stored";

const AGAIN: &str = "the ledger's history is stored again";

/// What is kept of the ledger, without a gap; and how much of it is not on disk.
fn history(stage: &Stage) -> Option<(usize, u64)> {
    let answer = stage.http("/api/v1/ledger/history?since=1h").ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    let answer: Value = serde_json::from_str(body).ok()?;
    let stretches = answer["stretches"].as_array()?;
    for (one, next) in stretches.iter().zip(stretches.iter().skip(1)) {
        assert_eq!(one["until"], next["from"], "{answer:#}");
    }
    Some((stretches.len(), answer["in_memory"].as_u64()?))
}

/// Stretches of the ledger until the disk takes none; then `make_room`, and all are there.
fn check_history(stage: &Stage, make_room: impl FnOnce(&Stage)) {
    until("the disk to be full", FILL_MAX, || Ok(stage.weir.log().contains(FULL).then_some(())))
        .unwrap();
    // Several in a row are kept and can be read, and clients are served as before.
    let (known, _) = until("stretches in memory", PATIENCE, || {
        Ok(history(stage).filter(|(_, in_memory)| *in_memory >= 3))
    })
    .unwrap();
    let answered = || Ok(stage.client().query("SELECT 1").ok());
    until("a client to be served", PATIENCE, answered).unwrap();
    make_room(stage);
    let stored = until("everything to be stored", PATIENCE, || {
        Ok(history(stage).filter(|(_, in_memory)| *in_memory == 0))
    })
    .unwrap();
    assert!(stored.0 >= known, "{known} stretches before, {} on disk", stored.0);
    let log = stage.weir.log();
    let (before, _) = log.split_once(AGAIN).unwrap();
    assert_eq!(before.matches(FULL).count(), 1, "it is said once: {before}");
}

#[test]
fn a_history_whose_files_may_not_grow() {
    let home = Scratch::new(Account::own()).unwrap();
    let program = wrapped(&home, "trap '' XFSZ\nulimit -S -f 256");
    let state_dir = home.path().join("state");
    let stage = Stage::run_with(&program, home, &state_dir, EVERY_SECOND);
    check_history(&stage, |stage| {
        let pid = Pid::from_raw(stage.weir.pid());
        prlimit(pid, Resource::Fsize, Rlimit { current: None, maximum: None }).unwrap();
    });
}

#[test]
fn a_history_in_a_file_system_without_room() {
    // Afterwards there is more room than the test can need.
    let Some((stage, state_dir)) = alone(16_384, EVERY_SECOND) else { return };
    until("the first stretch", PATIENCE, || Ok(history(&stage).filter(|(count, _)| *count > 0)))
        .unwrap();
    let filler = state_dir.join("filler");
    fs::write(&filler, vec![7; (16_384 - 400) << 10]).unwrap();
    check_history(&stage, |_| fs::remove_file(&filler).unwrap());
}
