//! A proxy under a tool that counts what it does: system calls by strace, user instructions by
//! callgrind. Two runs of different length are compared, so that what is not a transaction (start,
//! logins, end) counts for nothing.

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

/// A tool that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tool {
    /// System calls.
    Strace,
    /// Instructions in user mode.
    Callgrind,
}

/// What was counted, by name; callgrind has one name only.
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

    /// What `program` does for one transaction, by name. `start` starts it as the path it is given
    /// says.
    pub(crate) fn per_transaction(
        self,
        program: &Path,
        start: impl Fn(&Path) -> Result<Watched>,
        load: Load<'_>,
    ) -> Result<Counts> {
        let [short, long] = load.each;
        let less = self.counted(program, &start, load, short)?;
        let mut counts = self.counted(program, &start, load, long)?;
        let transactions = f64::from(load.clients * (long - short));
        for (name, count) in &mut counts {
            *count = (*count - less.get(name).copied().unwrap_or(0.0)) / transactions;
        }
        Ok(counts)
    }

    fn counted(
        self,
        program: &Path,
        start: impl Fn(&Path) -> Result<Watched>,
        load: Load<'_>,
        each: u32,
    ) -> Result<Counts> {
        // The proxy may run as another account than ours.
        let home = Scratch::new(Account::unprivileged()?)?;
        let output = home.path().join("counts");
        let proxy = start(&self.wrapper(program, &output, home.path())?)?;
        let mut command = pgbench::select_only(load.server, proxy.port, load.protocol);
        pgbench::run_transactions(&mut command, load.clients, each, load.deadline)?;
        (proxy.end)()?;
        until(&format!("{} to write its counts", self.program()), PATIENCE, || {
            Ok(self.read(&fs::read_to_string(&output).unwrap_or_default()))
        })
    }

    /// A script that runs the program under the tool as the same process, so that signals reach it.
    fn wrapper(self, program: &Path, output: &Path, home: &Path) -> Result<PathBuf> {
        let output = output.display();
        let tool = match self {
            // -D: strace is a process apart, and this one stays the program.
            Self::Strace => format!("strace -D -f -c -U calls,name -o {output}"),
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

    /// Reads what the tool wrote; `None` while it is not complete.
    fn read(self, text: &str) -> Option<Counts> {
        match self {
            Self::Strace => strace(text),
            Self::Callgrind => callgrind(text),
        }
    }
}

/// Lines of a count and a name; the last is the total.
pub(crate) fn strace(text: &str) -> Option<Counts> {
    let rows = text.lines().filter_map(|line| {
        let (count, name) = line.trim().split_once(' ')?;
        Some((name.trim().to_owned(), count.parse().ok()?))
    });
    let mut counts: Counts = rows.collect();
    counts.remove("total").map(|_| counts)
}

/// The line `totals: N` of the event `Ir`, or `summary: N`.
fn callgrind(text: &str) -> Option<Counts> {
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "))?;
    Some([("instructions".to_owned(), total.trim().parse().ok()?)].into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_summary_of_strace() {
        let text = "    calls syscall\n--------- ----------------\n      310 recvfrom\n        2 \
                    openat\n--------- ----------------\n      312 total\n";
        let expected = [("recvfrom".to_owned(), 310.0), ("openat".to_owned(), 2.0)].into();
        assert_eq!(strace(text), Some(expected));
        assert_eq!(strace("    calls syscall\n      310 recvfrom\n"), None);
    }

    #[test]
    fn reads_the_total_of_callgrind() {
        let text = "events: Ir\nsummary: 12\n\nfn=(1) main\n16 400\n\ntotals: 12345\n";
        assert_eq!(callgrind(text), Some([("instructions".to_owned(), 12345.0)].into()));
        assert_eq!(callgrind("events: Ir\nfn=(1) main\n"), None);
    }
}
