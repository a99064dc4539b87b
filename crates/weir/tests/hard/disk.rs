//! The disk is full: by a limit on the size of files, which every system has, and by a file system
//! without room, where this process may make one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use weir_testkit::{Account, Scratch, until};

use crate::stage::{PATIENCE, Stage, WEIR, kinds};

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
    until("the disk to be full", PATIENCE, || {
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
    let stored = until("everything to be stored", PATIENCE, || {
        stage.reload();
        Ok(stage.weir.log().contains("incidents are stored again").then(|| stage.incident()))
    })
    .unwrap();
    drop(holder);
    let changes = kinds(&stored).iter().filter(|kind| *kind == "config-changed").count();
    let known = kinds(&before).len();
    assert!(kinds(&stored).len() > known, "{known} before, {changes} changes, {reloads} reloads");
    let said = stage.weir.log().matches("kept in memory until").count();
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

#[test]
fn a_file_system_without_room() {
    let mut may = Command::new("unshare");
    may.args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]);
    if !may.status().is_ok_and(|status| status.success()) {
        return;
    }
    let home = Scratch::new(Account::own()).unwrap();
    let state_dir = home.path().join("state");
    fs::create_dir(&state_dir).unwrap();
    let inner = wrapped(&home, &format!("mount -t tmpfs -o size=400k none {state_dir:?}"));
    let script = format!("#!/bin/sh\nexec unshare -rm {inner:?} \"$@\"\n");
    let program = home.path().join("alone");
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let mut stage = Stage::run_as(&program, home, &state_dir);
    // Another process sees that file system only beside the one that has it.
    let pid = stage.weir.pid().to_string();
    let beside = ["nsenter", "--user", "--mount", "--preserve-credentials", "--target", &pid, WEIR];
    stage.reader = beside.map(str::to_owned).to_vec();
    let root = PathBuf::from(format!("/proc/{pid}/root"));
    let filler = root.join(state_dir.strip_prefix("/").unwrap()).join("filler");
    fs::write(&filler, vec![7; 150 << 10]).unwrap();
    check(&mut stage, |_| fs::remove_file(&filler).unwrap());
}
