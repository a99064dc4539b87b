//! `weir lint` as its users run it: exit status, configuration, baseline, fix.
#![cfg(feature = "lint")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A directory of its own for one test, removed at the end.
struct Project(PathBuf);

impl Project {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("lint-{name}"));
        let _ = fs::remove_dir_all(&root);
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("a file")).expect("writable");
            fs::write(path, text).expect("writable");
        }
        Self(root)
    }

    fn lint(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        command.arg("lint").args(args).current_dir(&self.0).output().expect("runs")
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.join(path)).expect("readable")
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const BAD: &str = "import requests\n\n\ndef fetch():\n    return requests.get(\"u\")\n";
const GOOD: &str = "import requests\n\n\ndef fetch():\n    return requests.get(\"u\", timeout=5)\n";

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_exit_status_tells_what_was_found() {
    let bad = Project::new(
        "status",
        &[("pyproject.toml", ""), ("shop/jobs.py", BAD), ("shop/tests/test_x.py", BAD)],
    );
    let output = bad.lint(&["."]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stdout(&output).contains("shop/jobs.py:5:12"), "{}", stdout(&output));
    assert!(stdout(&output).ends_with("1 finding in 1 file (0 errors, 1 warning, 0 infos)\n"));
    assert_eq!(bad.lint(&[".", "--ignore", "http-no-timeout"]).status.code(), Some(0));
    assert_eq!(bad.lint(&[".", "--select", "thread-orm"]).status.code(), Some(0));
    assert!(stdout(&bad.lint(&[".", "--include-tests"])).contains("2 findings in 2 files"));
    let output = bad.lint(&["nowhere"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("cannot read nowhere"), "{}", stderr(&output));
    let output = bad.lint(&["--select", "http-no-timeot"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("did you mean `http-no-timeout`"), "{}", stderr(&output));
}

#[test]
fn the_configuration_is_read_from_pyproject() {
    let config = "[tool.weir-lint]\nignore = [\"http-no-timeout\"]\n";
    let project = Project::new("config", &[("pyproject.toml", config), ("shop/jobs.py", BAD)]);
    assert_eq!(project.lint(&["shop"]).status.code(), Some(0));
    fs::write(project.0.join("pyproject.toml"), "[tool.weir-lint]\nignor = []\n")
        .expect("writable");
    let output = project.lint(&["shop"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("ignor"), "{}", stderr(&output));
}

#[test]
fn a_baseline_lets_only_new_findings_fail() {
    let project = Project::new("baseline", &[("pyproject.toml", ""), ("shop/jobs.py", BAD)]);
    assert_eq!(project.lint(&[".", "--write-baseline", "known.json"]).status.code(), Some(0));
    let output = project.lint(&[".", "--baseline", "known.json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    assert!(stdout(&output).contains("1 accepted by the baseline"), "{}", stdout(&output));
    fs::write(project.0.join("shop/more.py"), BAD).expect("writable");
    assert_eq!(project.lint(&[".", "--baseline", "known.json"]).status.code(), Some(1));
    assert_eq!(project.lint(&[".", "--baseline", "pyproject.toml"]).status.code(), Some(2));
}

#[test]
fn fix_repairs_only_what_is_asked_for() {
    let settings = "SECRET_KEY = 'x'\nCONN_MAX_AGE = 60\n";
    let project = Project::new(
        "fix",
        &[("pyproject.toml", ""), ("config/settings.py", settings), ("shop/jobs.py", BAD)],
    );
    assert_eq!(project.lint(&["."]).status.code(), Some(1));
    assert_eq!(project.read("config/settings.py"), settings);
    let output = project.lint(&[".", "--fix"]);
    assert!(
        stderr(&output).contains("fixed 1 finding in config/settings.py"),
        "{}",
        stderr(&output)
    );
    assert_eq!(project.read("config/settings.py"), "SECRET_KEY = 'x'\n");
    assert_eq!(project.read("shop/jobs.py"), BAD);
}

#[test]
fn broken_and_huge_files_are_told_and_the_rest_is_checked() {
    let huge = "x = 1\n".repeat(10 * 1024 * 1024 / 6);
    let files = [
        ("pyproject.toml", ""),
        ("a.py", "def broken(:\n"),
        ("b.py", BAD),
        ("c.py", huge.as_str()),
    ];
    let project = Project::new("broken", &files);
    let output = project.lint(&["."]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(text.contains("syntax error") && text.contains("a.py:1"), "{text}");
    assert!(text.contains("b.py:5:12"), "{text}");
    assert!(text.contains("is longer than") && text.contains("c.py:1:1"), "{text}");
    assert!(text.contains("2 files could not be read whole"), "{text}");
}

#[test]
fn rules_explain_themselves() {
    let project = Project::new("explain", &[("pyproject.toml", ""), ("a.py", GOOD)]);
    assert!(
        stdout(&project.lint(&["--explain", "atomic-network"])).starts_with("# atomic-network\n")
    );
    let output = project.lint(&["--explain", "atomic-netwrk"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("did you mean `atomic-network`"));
    assert_eq!(stdout(&project.lint(&["--list"])).lines().count(), 30);
}

#[test]
fn one_thread_and_many_say_the_same() {
    let files: Vec<(String, &str)> = (0..60).map(|n| (format!("shop/m{n}.py"), BAD)).collect();
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    let project = Project::new("jobs", &files);
    let run = |jobs: &str| stdout(&project.lint(&[".", "--format", "json", "--jobs", jobs]));
    assert_eq!(run("1"), run("4"));
    assert!(run("4").contains("\"files\": 60"));
}
