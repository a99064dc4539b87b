//! The program: sockets, TLS, clock, files and the command line around the decisions of
//! `weir-core`.

#[cfg(feature = "lint")]
mod lint;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "weir", about = "A PostgreSQL connection-management system")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Find connection-hungry patterns in Django code and settings.
    #[cfg(feature = "lint")]
    Lint(lint::args::LintArgs),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        #[cfg(feature = "lint")]
        Command::Lint(args) => lint::run(args),
    }
}
