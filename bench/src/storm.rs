//! A login storm beside running queries: how much later does one in a hundred answers come?
//!
//! Calm and storm take turns in one run, so that what else the machine does meets both.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use weir_testkit::{Account, PgServer, Scratch, output_within};

use crate::contender::Login;
use crate::deadline::Deadline;
use crate::load::knock::Knocks;
use crate::pgbench::{self, Protocol};
use crate::stats;

/// Clients that query, so often a second in all: the machine is to have time left, or the storm
/// takes it from the server and not from the proxy.
const STEADY: u32 = 20;
const QUERIES: u32 = 2_000;

/// Clients that log in anew each time, so often a second in all.
const STORMING: u32 = 16;
pub(crate) const LOGINS: u32 = 500;

/// Storms of a second, each behind as long a calm.
const STORMS: u32 = 5;
const EACH: Duration = Duration::from_secs(1);

/// What still runs of a storm when it ends belongs to no calm.
const SETTLING: Duration = Duration::from_millis(300);

/// What the queries felt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Felt {
    /// The 99th percentile of latency in all calms and in all storms, milliseconds.
    pub(crate) calm_p99_ms: f64,
    pub(crate) storm_p99_ms: f64,
    /// Logins a second.
    pub(crate) logins: f64,
}

/// A stretch of time, in microseconds since 1970.
type Stretch = std::ops::Range<u64>;

/// Lets queries run through `port`, and storms of logins come and go beside them.
pub(crate) fn run(server: &PgServer, port: u16, login: Login, deadline: Deadline) -> Result<Felt> {
    let home = Scratch::new(Account::own())?;
    // Time for the logins of the steady clients, and for storms that end late.
    let whole = (EACH * 2 + SETTLING) * STORMS + EACH * 3;
    let mut steady = command(server, port);
    steady.args(["--client", &STEADY.to_string(), "--log"]).arg(prefix(home.path()));
    steady.args(["--time", &whole.as_secs().to_string(), "--rate", &QUERIES.to_string()]);
    let steady = thread::spawn(move || output_within(deadline.left(), &mut steady));
    thread::sleep(EACH);
    let (mut calms, mut storms, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STORMS {
        thread::sleep(SETTLING);
        let began = now_us()?;
        thread::sleep(EACH);
        let blew = now_us()?;
        calms.push(began..blew);
        rates.push(storm(server, port, login, deadline)?);
        storms.push(blew..now_us()?);
    }
    steady.join().ok().context("the steady clients' thread broke")??;
    let all = read(home.path())?;
    Ok(Felt {
        calm_p99_ms: p99(&all, &calms).context("no query in a calm")?,
        storm_p99_ms: p99(&all, &storms).context("no query in a storm")?,
        logins: stats::summary(&rates).context("no storm")?.median,
    })
}

/// Logins for the length of a storm; returns how many a second there were. Where the proxy has a
/// clear password, clients would have to derive a key of 4096 iterations each time, and two cores
/// have no time for 500 of those a second: they give up before.
fn storm(server: &PgServer, port: u16, login: Login, deadline: Deadline) -> Result<f64> {
    if login == Login::ScramClear {
        return Knocks { port, clients: STORMING, rate: LOGINS, length: EACH, deadline }.run();
    }
    let mut storm = command(server, port);
    storm.args(["--connect", "--client", &STORMING.to_string()]);
    storm.args(["--time", &EACH.as_secs().to_string(), "--rate", &LOGINS.to_string()]);
    tps(&output_within(deadline.left(), &mut storm)?).context("pgbench did not say its rate")
}

fn command(server: &PgServer, port: u16) -> Command {
    let mut command = pgbench::select_only(server, port, Protocol::Simple);
    command.env("PGPASSWORD", pgbench::PASSWORD);
    command
}

/// The 99th percentile of what ended in one of the stretches; `None` where nothing did.
fn p99(all: &[Logged], stretches: &[Stretch]) -> Option<f64> {
    let is_in = |it: &&Logged| stretches.iter().any(|stretch| stretch.contains(&it.ended_us));
    let mut latencies: Vec<f64> = all.iter().filter(is_in).map(|it| it.latency_ms).collect();
    latencies.sort_by(f64::total_cmp);
    (!latencies.is_empty()).then(|| stats::quantile(&latencies, 0.99))
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
    fn calm_and_storm_have_their_own_queries() {
        let at = |ended_us, latency_ms| Logged { ended_us, latency_ms };
        let all = [at(5, 1.0), at(10, 9.0), at(15, 2.0), at(20, 7.0), at(25, 99.0)];
        assert_eq!(p99(&all, &[10..12, 20..22]), Some(7.0 + 2.0 * 0.99));
        assert_eq!(p99(&all, &[5..6, 6..7]), Some(1.0));
        assert_eq!(p99(&all, &[]), None);
    }

    #[test]
    fn reads_what_pgbench_writes() {
        let expected = Logged { ended_us: 1_700_000_000_250_000, latency_ms: 1.5 };
        assert_eq!(logged("3 17 1700 0 1700000000 250000 200"), Some(expected));
        assert_eq!(logged("3 17 1700 0 1700000000 250000"), None);
        let report = "latency average = 1 ms\ntps = 512.25 (including reconnection times)\n";
        assert_eq!(tps(report), Some(512.25));
    }
}
