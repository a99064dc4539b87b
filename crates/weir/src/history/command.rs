//! `weir ledger`: what the time of server connections went into, from the state directory, while
//! a proxy may write to it, and also when none runs.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::json;
use weir_core::ledger::Summary;

use super::{before, table, wall};
use crate::cli::LedgerArgs;
use crate::config;
use crate::incident::command::nowhere;
use crate::store::LedgerStore;

/// Runs the command.
///
/// # Errors
/// When the state directory is not named or cannot be read, or nothing can be printed.
pub fn run(args: &LedgerArgs, out: &mut dyn Write) -> Result<ExitCode> {
    let dir = match (&args.state_dir, &args.config) {
        (Some(dir), _) => Some(dir.clone()),
        (None, Some(file)) => config::load_kept(file)?.settings.state_dir,
        (None, None) => None,
    };
    let dir = dir.with_context(|| nowhere(args.config.as_deref(), "stretches of the history"))?;
    let (now, dir) = (wall(), Path::new(&dir));
    if !LedgerStore::exists(dir) {
        bail!(
            "no history is kept in {}: weir up keeps it in the state_dir that it is given",
            dir.display()
        );
    }
    let (since, until) = (before(now, args.since.0), before(now, args.until.0));
    let read = LedgerStore::open_to_read(dir)
        .and_then(|store| store.read_known(dir, since, until, usize::MAX));
    let stretches =
        read.with_context(|| format!("the history in {} cannot be read", dir.display()))?;
    if args.json {
        writeln!(out, "{}", json!({ "stretches": stretches }))?;
    } else {
        out.write_all(text(&stretches).as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(stretches: &[Summary]) -> String {
    match Summary::whole(stretches) {
        Some(whole) => table::write(&whole, stretches),
        None => "nothing was kept of that time\n".into(),
    }
}
