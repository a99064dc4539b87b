//! The project's own commands; without an argument it lists them.

#![expect(clippy::print_stdout, reason = "its job is to tell the person who runs it")]

mod bench;
mod ci;
mod compat;
mod fuzz;
mod generated;

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  ci       what CI runs: format, lints, tidy, all tests
  gen      write the files that are made from the code
  tidy     the rules that tests hold the source to
";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["ci"] => ci::run(),
        ["gen"] => generated::write(),
        ["tidy"] => ci::tidy(),
        ["bench", rest @ ..] => bench::run(rest),
        ["compat", rest @ ..] => {
            let request = compat::Request::parse(rest)
                .with_context(|| format!("usage: cargo xtask\n{}", compat::USAGE))?;
            compat::run(&request)
        }
        ["fuzz", rest @ ..] => fuzz::run(rest),
        _ => anyhow::bail!("{USAGE}{}\n{}\n{}", compat::USAGE, bench::USAGE, fuzz::USAGE),
    }
}

/// The cargo that runs this, in the repository's root.
fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

/// The repository's root.
fn root() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().map_or(manifest.clone(), PathBuf::from)
}
