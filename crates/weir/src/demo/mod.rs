//! What Weir is for, shown on this machine alone: `weir demo`, `weir replay`, and the order service
//! that both start as a process of its own.
//!
//! | module | what it shows |
//! | --- | --- |
//! | `weir_replay` | the incident, in four set-ups |
//! | `pool` | the pool at work: many clients over few server connections |

mod pool;

use anyhow::{Context, Result};
use weir_replay::cli::Arguments;

use crate::cli::DemoArgs;

/// Runs the demonstration.
///
/// # Errors
/// When no PostgreSQL can be found or fetched, or a part does not start.
pub fn run(args: &DemoArgs) -> Result<()> {
    if args.traffic { pool::run() } else { replay(&Arguments::default()) }
}

/// Replays the incident, this program being both Weir and the order service.
///
/// # Errors
/// As [`weir_replay::cli::replay`].
pub fn replay(arguments: &Arguments) -> Result<()> {
    let ours = std::env::current_exe().context("asking where this program is")?;
    runtime()?.block_on(weir_replay::cli::replay(arguments, &ours))
}

/// Runs a command of the order service.
///
/// # Errors
/// As [`orders::command::run`].
pub fn orders(words: Vec<String>) -> Result<()> {
    runtime()?.block_on(orders::command::run(words.into_iter()))
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Runtime::new().context("starting threads")
}
