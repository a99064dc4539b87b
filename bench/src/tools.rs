//! A proxy under a tool that sees what it does: strace, callgrind. User instructions are counted
//! over two runs of different length, so that what is not a transaction (start, logins, end) counts
//! for nothing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use weir_testkit::{Account, PgServer, Scratch, until};

use crate::deadline::Deadline;
use crate::pgbench::{self, Protocol};

/// How long a tool may take to write what it has counted, once the program has ended.
const PATIENCE: Duration = Duration::from_secs(60);

/// A tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tool {
    /// System calls.
    Strace,
    /// Instructions in user mode.
    Callgrind,
}

/// What was counted, by name.
pub(crate) type Counts = BTreeMap<String, f64>;

/// What the proxy is asked to do while it is watched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load<'a> {
    /// The server that pgbench comes from.
    pub(crate) server: &'a PgServer,
    pub(crate) protocol: Protocol,
    pub(crate) clients: u32,
    /// Transactions of each client, in the shorter and in the longer run.
    pub(crate) each: [u32; 2],
    /// When the work counts as stuck.
    pub(crate) deadline: Deadline,
}

/// Transactions of all clients together in the shorter and in the longer run of a comparison.
const TRANSACTIONS: [u32; 2] = [4_000, 16_000];

impl<'a> Load<'a> {
    pub(crate) fn new(
        server: &'a PgServer,
        protocol: Protocol,
        clients: u32,
        deadline: Deadline,
    ) -> Self {
        let each = TRANSACTIONS.map(|all| all / clients);
        Self { server, protocol, clients, each, deadline }
    }
}

/// A proxy that runs under a tool.
pub(crate) struct Watched {
    pub(crate) port: u16,
    /// Ends it in good order, so that the tool writes what it has counted.
    pub(crate) end: Box<dyn FnOnce() -> Result<()>>,
}

impl Tool {
    pub(crate) const fn program(self) -> &'static str {
        match self {
            Self::Strace => "strace",
            Self::Callgrind => "valgrind",
        }
    }

    /// Whether the tool is on this machine.
    pub(crate) fn is_there(self) -> bool {
        let mut command = Command::new(self.program());
        command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// A script that runs the program under the tool as the same process, so that signals reach it.
    pub(crate) fn wrapper(self, program: &Path, output: &Path, home: &Path) -> Result<PathBuf> {
        let output = output.display();
        let tool = match self {
            // -D: strace is a process apart, and this one stays the program. A line for each call,
            // in as little time as it can.
            Self::Strace => format!("strace -D -f -qq -e raw=all -o {output}"),
            Self::Callgrind => {
                format!("valgrind -q --tool=callgrind --callgrind-out-file={output}")
            }
        };
        let path = home.join("watched");
        let script = format!("#!/bin/sh\nexec {tool} '{}' \"$@\"\n", program.display());
        fs::write(&path, script).with_context(|| format!("writing {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(path)
    }
}

/// User instructions of `program` for one transaction, as callgrind counts them. `start` starts it
/// as the path it is given says.
pub(crate) fn instructions(
    program: &Path,
    start: impl Fn(&Path) -> Result<Watched>,
    load: Load<'_>,
) -> Result<f64> {
    let [short, long] = load.each;
    let less = counted(program, &start, load, short)?;
    let more = counted(program, &start, load, long)?;
    Ok((more - less) / f64::from(load.clients * (long - short)))
}

/// Of a whole run.
fn counted(
    program: &Path,
    start: impl Fn(&Path) -> Result<Watched>,
    load: Load<'_>,
    each: u32,
) -> Result<f64> {
    // The proxy may run as another account than ours.
    let home = Scratch::new(Account::unprivileged()?)?;
    let output = home.path().join("counts");
    let proxy = start(&Tool::Callgrind.wrapper(program, &output, home.path())?)?;
    let mut command = pgbench::select_only(load.server, proxy.port, load.protocol);
    pgbench::run_transactions(&mut command, load.clients, each, load.deadline)?;
    (proxy.end)()?;
    until("callgrind to write its counts", PATIENCE, || {
        Ok(callgrind(&fs::read_to_string(&output).unwrap_or_default()))
    })
}

/// The line `totals: N` of the event `Ir`, or `summary: N`.
fn callgrind(text: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_total_of_callgrind() {
        let text = "events: Ir\nsummary: 12\n\nfn=(1) main\n16 400\n\ntotals: 12345\n";
        assert_eq!(callgrind(text), Some(12345.0));
        assert_eq!(callgrind("events: Ir\nfn=(1) main\n"), None);
    }
}
