//! System calls of a proxy while clients that are logged in do transactions, as strace sees them:
//! all that lie between two marks in what it writes. Start, logins and end are outside.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use weir_testkit::{Account, Scratch};

use crate::deadline::Deadline;
use crate::load::closed::Clients;
use crate::load::connection::Door;
use crate::load::script::Script;
use crate::pgbench::DATABASE;
use crate::tools::{Counts, Tool, Watched};

/// Transactions of all clients together before the first mark, so that every server connection is
/// there, and between the two: what the process does beside them, by the clock, is to weigh
/// nothing even where the machine is busy and they take long.
const WARM_UP: usize = 2_000;
const MEASURED: usize = 20_000;

/// Who asks for what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) script: Script,
    pub(crate) clients: u32,
    pub(crate) deadline: Deadline,
}

/// System calls of `program` for one transaction, by name. `start` starts it as the path it is
/// given says.
pub(crate) fn per_transaction(
    program: &Path,
    start: impl FnOnce(&Path) -> Result<Watched>,
    Load { script, clients, deadline }: Load,
) -> Result<Counts> {
    // The proxy may run as another account than ours.
    let home = Scratch::new(Account::unprivileged()?)?;
    let trace = home.path().join("trace");
    let proxy = start(&Tool::Strace.wrapper(program, &trace, home.path())?)?;
    let door = Door { port: proxy.port, databases: &[DATABASE], deadline };
    let mut clients = Clients::connect(door, script, clients)?;
    let mark = || Ok(fs::metadata(&trace).context("looking at what strace wrote")?.len());
    let (seen, from, to) = clients.count([WARM_UP, MEASURED], mark)?;
    let text = part(&trace, from, to)?;
    drop(clients);
    (proxy.end)()?;
    let mut counts = Counts::new();
    for name in text.lines().filter_map(call) {
        *counts.entry(name.to_owned()).or_default() += 1.0;
    }
    ensure!(!counts.is_empty(), "strace saw no system call");
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let transactions = seen.latencies.len() as f64;
    counts.values_mut().for_each(|count| *count /= transactions);
    Ok(counts)
}

/// The bytes of a file between two places. It grows meanwhile.
fn part(path: &Path, from: u64, to: u64) -> Result<String> {
    let mut file = File::open(path).context("opening what strace wrote")?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(to.saturating_sub(from)).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The call that a line begins: `THREAD name(…`. One that another thread interrupts has a second
/// line, `THREAD <... name resumed>…`, which begins none; nor do signals.
fn call(line: &str) -> Option<&str> {
    let (_thread, what) = line.split_once(' ')?;
    let (name, _arguments) = what.trim_start().split_once('(')?;
    let is_name = |name: &str| name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_');
    (!name.is_empty() && is_name(name)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_counts_once() {
        let check = |line, expected| assert_eq!(call(line), expected, "{line}");
        check("4711  recvfrom(0xc, 0x7f, 0x2000, 0, 0, 0) = 0x1e", Some("recvfrom"));
        check("4711 io_uring_enter(0x8, 0x14, 0x1 <unfinished ...>", Some("io_uring_enter"));
        check("4711 <... io_uring_enter resumed>) = 0x14", None);
        check("4711 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED} ---", None);
        check("4711 +++ exited with 0 +++", None);
        // Half a line, at a mark.
        check("0x2000, 0, 0, 0) = 0x1e", None);
        check("", None);
    }

    #[test]
    fn a_part_of_a_file_has_its_bytes() {
        let home = Scratch::new(Account::own()).unwrap();
        let path = home.path().join("trace");
        fs::write(&path, "one\ntwo\nthree\n").unwrap();
        assert_eq!(part(&path, 4, 8).unwrap(), "two\n");
        assert_eq!(part(&path, 4, 4).unwrap(), "");
    }
}
