//! A login storm beside running queries: how much later does one in a hundred answers come?

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use weir_testkit::{Account, PgServer, Scratch, output_within};

use crate::deadline::Deadline;
use crate::pgbench::{self, Protocol};
use crate::stats;

/// Clients that query, so often a second in all: the machine is to have time left, or the storm
/// takes it from the server and not from the proxy.
const STEADY: u32 = 20;
const QUERIES: u32 = 1_000;

/// Clients that log in anew for every query, so often a second in all.
const STORMING: u32 = 16;
const LOGINS: u32 = 500;

/// What the queries felt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Felt {
    /// The 99th percentile of latency before and during the storm, milliseconds.
    pub(crate) calm_p99_ms: f64,
    pub(crate) storm_p99_ms: f64,
    /// Logins a second.
    pub(crate) logins: f64,
}

/// Lets queries run for `each`, then as long with the storm beside them. Passwords are asked for
/// at `port`.
pub(crate) fn run(
    server: &PgServer,
    port: u16,
    each: Duration,
    deadline: Deadline,
) -> Result<Felt> {
    let home = Scratch::new(Account::own())?;
    // A margin on both sides, for the logins of the steady clients.
    let whole = each * 2 + Duration::from_secs(2);
    let mut steady = command(server, port);
    steady.args(["--client", &STEADY.to_string(), "--log"]).arg(prefix(home.path()));
    steady.args(["--time", &whole.as_secs().to_string(), "--rate", &QUERIES.to_string()]);
    let steady = thread::spawn(move || output_within(deadline.left(), &mut steady));
    thread::sleep(each + Duration::from_secs(1));
    let began = now_us()?;
    let mut storm = command(server, port);
    storm.args(["--connect", "--client", &STORMING.to_string()]);
    storm.args(["--time", &each.as_secs().max(1).to_string(), "--rate", &LOGINS.to_string()]);
    let said = output_within(deadline.left(), &mut storm)?;
    let ended = now_us()?;
    steady.join().ok().context("the steady clients' thread broke")??;
    let all = read(home.path())?;
    let of = |from: u64, to: u64| {
        let ended = all.iter().filter(|it| (from..to).contains(&it.ended_us));
        let mut latencies: Vec<f64> = ended.map(|it| it.latency_ms).collect();
        latencies.sort_by(f64::total_cmp);
        (!latencies.is_empty()).then(|| stats::quantile(&latencies, 0.99))
    };
    let length = u64::try_from(each.as_micros()).unwrap_or(u64::MAX);
    Ok(Felt {
        calm_p99_ms: of(began.saturating_sub(length), began).context("nothing before the storm")?,
        storm_p99_ms: of(began, ended).context("nothing during the storm")?,
        logins: tps(&said).context("pgbench did not say its rate")?,
    })
}

fn command(server: &PgServer, port: u16) -> Command {
    let mut command = pgbench::select_only(server, port, Protocol::Simple);
    command.env("PGPASSWORD", pgbench::PASSWORD);
    command
}

fn prefix(home: &Path) -> String {
    format!("--log-prefix={}", home.join("steady").display())
}

fn now_us() -> Result<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("before 1970")?;
    Ok(u64::try_from(now.as_micros())?)
}

/// A transaction of pgbench's log.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Logged {
    ended_us: u64,
    latency_ms: f64,
}

fn read(home: &Path) -> Result<Vec<Logged>> {
    let mut all = Vec::new();
    for file in fs::read_dir(home).context("looking for pgbench's logs")? {
        let text = fs::read_to_string(file?.path()).context("reading pgbench's log")?;
        all.extend(text.lines().filter_map(logged));
    }
    Ok(all)
}

/// `client transaction latency_us script epoch_s epoch_us lag_us`: the latency is from the moment
/// that the rate asked for, the lag is how much later the query was sent.
fn logged(line: &str) -> Option<Logged> {
    let mut fields = line.split(' ').skip(2);
    let latency: f64 = fields.next()?.parse().ok()?;
    let mut rest = fields.skip(1);
    let seconds: u64 = rest.next()?.parse().ok()?;
    let micros: u64 = rest.next()?.parse().ok()?;
    let lag: f64 = rest.next()?.parse().ok()?;
    Some(Logged { ended_us: seconds * 1_000_000 + micros, latency_ms: (latency - lag) / 1e3 })
}

/// The rate in pgbench's report.
fn tps(report: &str) -> Option<f64> {
    let line = report.lines().find_map(|line| line.strip_prefix("tps = "))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_pgbench_writes() {
        let expected = Logged { ended_us: 1_700_000_000_250_000, latency_ms: 1.5 };
        assert_eq!(logged("3 17 1700 0 1700000000 250000 200"), Some(expected));
        assert_eq!(logged("3 17 1700 0 1700000000 250000"), None);
        let report = "latency average = 1 ms\ntps = 512.25 (including reconnection times)\n";
        assert_eq!(tps(report), Some(512.25));
    }
}
