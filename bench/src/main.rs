//! Measures proxies side by side. `cargo xtask bench` builds what it needs and runs it; see
//! `docs/performance.md`.

#![expect(clippy::print_stdout, reason = "its job is to tell the person who runs it")]

mod gates;
mod pgbench;
mod process;
mod tools;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Measures Weir beside other proxies and beside none.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// The Weir program. Without it: the one beside this program.
    #[arg(long, global = true)]
    weir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What CI holds Weir to: counts that do not depend on how busy the machine is.
    Gates,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let weir = match cli.weir {
        Some(path) => path,
        None => std::env::current_exe()?.with_file_name("weir"),
    };
    match cli.command {
        Command::Gates => gates::run(&weir),
    }
}
