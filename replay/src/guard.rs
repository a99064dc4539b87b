//! Weir in a set-up: what it writes down of the incident stays beside the report.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use weir_testkit::{Weir, output_within, until};

use crate::cli::STORYS_LONG_S;
use crate::setup::WEIR_POOL_SIZE;

/// Longest wait for the end of an incident, and for the answer whether it has ended.
const END_MAX: Duration = Duration::from_secs(60);

/// A Weir program, and the directory where it keeps what outlives it.
#[derive(Debug, Clone)]
pub struct Guarded {
    /// The program.
    pub program: PathBuf,
    /// The directory; made where it is missing.
    pub state_dir: PathBuf,
    /// A statement is long from here, seconds; the guard's other times are as short in proportion.
    pub long_s: f64,
}

impl Guarded {
    /// Starts it before `upstream`.
    ///
    /// # Errors
    /// When its directory cannot be made, or it does not get ready.
    pub fn up(&self, upstream: &str) -> Result<Weir> {
        let dir = self.state_dir.display().to_string();
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.state_dir);
        made.with_context(|| format!("making {dir}"))?;
        Weir::configured(&self.program, &configuration(&dir, upstream, self.long_s))
    }

    /// Waits until the last incident has ended by itself; whether it has.
    ///
    /// # Errors
    /// When the program does not say what it kept.
    pub fn until_closed(&self) -> Result<bool> {
        let mut failed = Ok(());
        let closed = until("the incident to end", END_MAX, || match self.is_calm() {
            Ok(calm) => Ok(calm.then_some(())),
            Err(error) => {
                failed = Err(error);
                bail!("it cannot be asked")
            }
        });
        failed.map(|()| closed.is_ok())
    }

    /// Whether no incident is open.
    fn is_calm(&self) -> Result<bool> {
        let mut list = Command::new(&self.program);
        list.args(["incident", "list", "--json", "--count", "1", "--state-dir"]);
        let said = output_within(END_MAX, list.arg(&self.state_dir))?;
        let last: Value = serde_json::from_str(&said).context("reading the list of incidents")?;
        Ok(last.get(0).is_none_or(|incident| incident["state"] == "closed"))
    }
}

/// An incident of two hours lasts some seconds here, and so does the quiet that ends it.
fn configuration(state_dir: &str, upstream: &str, long_s: f64) -> String {
    format!(
        "state_dir = {state_dir:?}\n\
         [listen]\naddresses = [\"127.0.0.1:0\"]\n\
         [http]\naddress = \"127.0.0.1:0\"\n\
         [auth]\nmethod = \"trust\"\n\
         [pool]\nsize = {WEIR_POOL_SIZE}\nmode = \"transaction\"\n\
         [databases.\"*\"]\nupstream = {upstream:?}\n\
         [incident]\ncalm = \"2s\"\nquiet = \"3s\"\n{}",
        thresholds(long_s)
    )
}

/// The section of a guard whose times have the proportions of its defaults, and whose long
/// statement is as long as the replay's.
#[must_use]
pub fn thresholds(long_s: f64) -> String {
    let times = [
        ("long_statement", 30_000.0),
        ("idle_transaction", 2_000.0),
        ("idle_transaction_calm", 300_000.0),
        ("lock_wait", 5_000.0),
        ("slow_reader", 5_000.0),
    ];
    let line = |(name, millis): (&str, f64)| {
        format!("{name} = \"{:.0}ms\"\n", (millis * long_s / STORYS_LONG_S).max(1.0))
    };
    format!("[guard]\n{}", times.map(line).concat())
}
