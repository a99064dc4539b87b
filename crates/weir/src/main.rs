//! The program: sockets, TLS, clock, files and the command line around the decisions of
//! `weir-core`.

pub mod alert;
pub mod app;
pub mod changes;
pub mod check;
pub mod cli;
pub mod config;
#[cfg(feature = "demo")]
pub mod demo;
pub mod export;
pub mod history;
pub mod http;
pub mod incident;
#[cfg(feature = "lint")]
pub mod lint;
pub mod log;
pub mod monitor;
pub mod proxy;
pub mod serve;
pub mod simulate;
pub mod state_dir;
pub mod store;
pub mod top;

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use weir_core::config::Problem;

use crate::cli::{AlertCommand, Cli, Command, ConfigArgs, ConfigCommand};

/// Exit code of a command line or configuration that cannot be used, as `clap` has it.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(said) => return unread(&said),
    };
    let result = match cli.command {
        Command::Up(args) => up(&args),
        #[cfg(feature = "demo")]
        Command::Demo(args) => demo::run(&args).map(|()| ExitCode::SUCCESS),
        #[cfg(feature = "demo")]
        Command::Replay(args) => demo::replay(&args).map(|()| ExitCode::SUCCESS),
        #[cfg(feature = "demo")]
        Command::Orders { words } => demo::orders(words).map(|()| ExitCode::SUCCESS),
        Command::Simulate { scenario, against } => {
            simulate::run(&scenario, &against).map(|()| ExitCode::SUCCESS)
        }
        Command::Top(args) => top::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Ledger(args) => history::command::run(&args, &mut io::stdout()),
        Command::Check(args) => check::run(&args),
        Command::Watch(args) => check::watch(&args),
        Command::Incident(command) => incident::command::run(&command, &mut io::stdout()),
        Command::Alert(AlertCommand::Test { file, names }) => test_alerts(file, &names),
        Command::Config(ConfigCommand::Check { file }) => check(file),
        Command::Config(ConfigCommand::Show(args)) => show(&args),
        #[cfg(feature = "lint")]
        Command::Lint(args) => Ok(lint::run(*args)),
    };
    result.unwrap_or_else(|error| {
        // Without standard error there is nobody to tell; the exit code says it.
        let _ = writeln!(io::stderr(), "weir: {error:#}");
        ExitCode::FAILURE
    })
}

/// Says what is wrong with the command line, or what it asks for: help, the version. Whoever runs
/// `weir check` takes the usual exit code for a critical server.
fn unread(said: &clap::Error) -> ExitCode {
    // Without an output there is nobody to tell; the exit code says it.
    let _ = said.print();
    let looks = std::env::args().nth(1).is_some_and(|word| word == "check" || word == "watch");
    match (said.use_stderr(), looks) {
        (true, true) => ExitCode::from(check::CANNOT_TELL),
        (true, false) => ExitCode::from(UNUSABLE),
        (false, _) => ExitCode::SUCCESS,
    }
}

fn up(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    match config::load(args) {
        Ok(loaded) => {
            lines(&mut io::stderr(), "warning: ", &loaded.warnings)?;
            app::up(args, &loaded)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(problems) => unusable(&mut io::stderr(), &problems),
    }
}

fn test_alerts(file: String, names: &[String]) -> anyhow::Result<ExitCode> {
    let args = ConfigArgs { config: Some(file), ..ConfigArgs::default() };
    match config::load(&args) {
        Ok(loaded) => alert::command::test(&loaded.settings, names, &mut io::stdout()),
        Err(problems) => unusable(&mut io::stderr(), &problems),
    }
}

fn check(file: String) -> anyhow::Result<ExitCode> {
    let args = ConfigArgs { config: Some(file), ..ConfigArgs::default() };
    let mut out = io::stdout();
    match config::load(&args) {
        Ok(loaded) => {
            lines(&mut out, "warning: ", &loaded.warnings)?;
            writeln!(out, "ok")?;
            Ok(ExitCode::SUCCESS)
        }
        Err(problems) => unusable(&mut out, &problems),
    }
}

fn show(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    match config::load(args) {
        Ok(loaded) => {
            lines(&mut io::stderr(), "warning: ", &loaded.warnings)?;
            let text = loaded.options.to_toml().map_err(anyhow::Error::msg)?;
            io::stdout().write_all(text.as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(problems) => unusable(&mut io::stderr(), &problems),
    }
}

fn unusable(out: &mut dyn Write, problems: &[Problem]) -> anyhow::Result<ExitCode> {
    lines(out, "", problems)?;
    Ok(ExitCode::from(UNUSABLE))
}

fn lines<T: Display>(out: &mut dyn Write, prefix: &str, items: &[T]) -> io::Result<()> {
    items.iter().try_for_each(|item| writeln!(out, "{prefix}{item}"))
}
