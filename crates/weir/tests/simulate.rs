//! `weir simulate` from the outside.

use std::path::{Path, PathBuf};
use std::process::Command;

use weir_testkit::{Account, Scratch};

fn simulate(file: &Path) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.arg("simulate").arg(file).output().expect("weir can be started")
}

fn simulate_against(file: &Path, report: &Path) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.arg("simulate").arg(file).arg("--against").arg(report);
    command.output().expect("weir can be started")
}

fn library() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

#[test]
fn a_scenario_is_shown_under_every_rule() {
    let output = simulate(&library().join("tiny-pool.toml"));
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

#[test]
fn a_replays_figures_stand_beside_those_played() {
    let report = r#"{"set_ups": [
        {"setup": "story", "innocent_within_1s": 0.35, "success": 0.15, "served": 0.31,
         "connections_peak": 97, "recovery_s": 4.0},
        {"setup": "weir-unchanged", "innocent_within_1s": 0.123, "success": 0.479,
         "served": 0.741, "connections_peak": 40, "recovery_s": null}]}"#;
    let folder = Scratch::new(Account::own()).expect("a folder can be made");
    let file = folder.path().join("replay.json");
    std::fs::write(&file, report).expect("it can be written");
    let scenario = library().join("tiny-pool.toml");
    let output = simulate_against(&scenario, &file);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    for word in ["weir-unchanged, as `weir`", "12.3 %", "47.9 %", "never", "points"] {
        assert!(text.contains(word), "no `{word}` in:\n{text}");
    }
    assert!(!text.contains("story") && !text.contains("pgbouncer"), "{text}");
    std::fs::write(&file, r#"{"set_ups": []}"#).expect("it can be written");
    let output = simulate_against(&scenario, &file);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains("only these can be played"), "{text}");
}

/// The scenario says again what the replay's plan says, as the simulator knows nothing of it.
#[cfg(feature = "demo")]
#[test]
fn the_scenarios_of_the_replay_are_its_plan() {
    let real = weir_replay::plan::Plan::incident(1, 1.0);
    for name in ["replay.toml", "replay-restarted.toml"] {
        let text = std::fs::read_to_string(library().join(name)).expect("it is there");
        let plan = weir_core::simulator::Plan::parse(&text).expect("it is a scenario");
        for phase in &real.phases {
            let middle_s = phase.start_s + phase.length_s / 2.0;
            for (class, rate) in plan.classes.iter().zip(phase.rates) {
                let on = plan.events.iter().filter(|event| {
                    let of_it = event.class.as_ref() == Some(&class.name);
                    of_it
                        && event.from_ms as f64 <= middle_s * 1e3
                        && middle_s * 1e3 < event.to_ms as f64
                });
                let times = on.map(|event| event.rate_percent as f64 / 100.0).product::<f64>();
                let played = class.rate as f64 * times;
                assert!(
                    (played - rate).abs() < 1e-9,
                    "{name}, {middle_s} s: {} {played}",
                    class.name
                );
            }
        }
        assert!((plan.seconds as f64 - real.length().as_secs_f64()).abs() < 1e-9, "{name}");
    }
}
