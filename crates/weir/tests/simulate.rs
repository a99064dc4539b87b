//! `weir simulate` from the outside.

use std::path::Path;
use std::process::Command;

fn simulate(file: &Path) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.arg("simulate").arg(file).output().expect("weir can be started")
}

#[test]
fn a_scenario_is_shown_under_every_rule() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let output = simulate(&folder.join("tiny-pool.toml"));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    for word in ["A pool of two", "innocent", "fifo 120 s", "idle killer", "\nweir "] {
        assert!(text.contains(word), "no `{word}` in:\n{text}");
    }
}

#[test]
fn a_file_that_is_no_scenario_is_named() {
    let output = simulate(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(text.contains("Cargo.toml is no scenario"), "{text}");
}
