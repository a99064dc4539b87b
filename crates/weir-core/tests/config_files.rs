//! Each file in `configs/valid` has no problem; each in `configs/invalid` has exactly those in the
//! `.txt` beside it. `UPDATE=1 cargo test -p weir-core --test config_files` writes these anew.

// A test may read its own fixtures, and stops where it cannot.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use weir_core::config::{Problem, Settings, Sources, read, resolve};

fn files(dir: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configs").join(dir);
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|it| it == "toml")).collect();
    files.sort();
    files
}

fn load(path: &Path) -> Result<Settings, Vec<Problem>> {
    let name = path.file_name().unwrap().to_str().unwrap();
    let beside = path.parent().unwrap().parent().unwrap().join("files");
    let sources = Sources {
        file: &|name| {
            fs::read_to_string(beside.join(name)).map_err(|_| format!("cannot read {name}"))
        },
        env: &|name| (name == "SET").then(|| "from the environment".to_owned()),
    };
    let (options, places) = read(&fs::read_to_string(path).unwrap(), name)?;
    resolve(&options, &sources).map_err(|problems| places.locate(problems))
}

#[test]
fn valid_files_have_no_problem() {
    let files = files("valid");
    assert!(files.len() >= 5);
    for path in files {
        if let Err(problems) = load(&path) {
            let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
            panic!("{}:\n{}", path.display(), texts.join("\n"));
        }
    }
}

#[test]
fn invalid_files_have_the_problems_beside_them() {
    let files = files("invalid");
    assert!(files.len() >= 15);
    for path in files {
        let problems = load(&path).expect_err(&format!("{} has no problem", path.display()));
        let found: String = problems.iter().map(|problem| format!("{problem}\n")).collect();
        let beside = path.with_extension("txt");
        if std::env::var("UPDATE").is_ok() {
            fs::write(&beside, &found).unwrap();
        }
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        assert_eq!(found, expected, "{}", path.display());
    }
}
