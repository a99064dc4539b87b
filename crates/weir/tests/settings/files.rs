//! The state directory.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use weir_testkit::{Account, Scratch, Weir};

use crate::stage::{Stage, config};

#[test]
fn two_proxies_do_not_share_a_state_directory() {
    let home = Scratch::new(Account::own()).unwrap();
    let dir = home.path().join("state");
    let line = format!("state_dir = {dir:?}\n");
    let plain = Stage::new(&[]);
    let text = line + &config(plain.server, &[]);
    let program = Path::new(env!("CARGO_BIN_EXE_weir"));
    let first = Weir::configured(program, &text).unwrap();
    assert_eq!(dir.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let second = Weir::configured(program, &text).unwrap_err();
    assert!(format!("{second:#}").contains("another weir uses"), "{second:#}");
    // A process that is killed holds nothing back.
    drop(first);
    Weir::configured(program, &text).unwrap();
}
