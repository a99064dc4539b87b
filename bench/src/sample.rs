//! One contender in one cell in one round.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::Signal;
use weir_testkit::{Account, Launch, PgServer, Scratch, until};

use crate::cells::{Cell, Plan, Work};
use crate::contender::{Contender, Files, Login, Running, SetUp};
use crate::load::bulk::Bulk;
use crate::load::closed::Clients;
use crate::load::connection::Connection;
use crate::load::script::Script;
use crate::load::tls;
use crate::metric::Metric;
use crate::pgbench::{self, Protocol};
use crate::process::{self, Cpu};
use crate::tools::{self, Load, Tool, Watched};
use crate::{recovery, stats, storm};

/// What was measured.
pub(crate) type Sample = BTreeMap<Metric, f64>;

/// How long strace may take to attach and to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// What samples are taken on.
pub(crate) struct Stage {
    pub(crate) server: PgServer,
    /// The port of a server that answers at once.
    pub(crate) stub: u16,
    pub(crate) files: Files,
}

/// Starts the contender, lets the clients work, ends it.
pub(crate) fn take(
    stage: &Stage,
    contender: &Contender,
    cell: Cell,
    plan: &Plan,
) -> Result<Sample> {
    let Cell { work, clients, pool } = cell;
    let before =
        |upstream, login| contender.start(SetUp { upstream, pool, login, files: &stage.files });
    let with = |login| before(stage.server.port(), login);
    match work {
        Work::Load(script) => load(&with(Login::Trust)?, script, clients, plan),
        Work::Saturate(script) => load(&before(stage.stub, Login::Trust)?, script, clients, plan),
        Work::Once(script) => once(&with(Login::Trust)?, script, clients),
        Work::Calls(script) => calls(&with(Login::Trust)?, script, clients, plan),
        Work::Instructions(protocol) => {
            let set_up = SetUp {
                upstream: stage.server.port(),
                pool,
                login: Login::Trust,
                files: &stage.files,
            };
            instructions(contender, set_up, Load::new(&stage.server, protocol, clients))
        }
        Work::Logins(login) => logins(&stage.server, &with(login)?, login, clients, plan),
        Work::Storm => storm(&stage.server, &with(Login::Scram)?, plan),
        Work::Recovery => {
            let mut server = recovery::server()?;
            let proxy = before(server.port(), Login::Trust)?;
            recovery(&mut server, &proxy, clients)
        }
        Work::Bulk(bulk) => transfer(&with(Login::Trust)?, bulk),
        Work::Idle => {
            let of = |port, count| Clients::connect(port, Script::Select(Protocol::Simple), count);
            idle(&with(Login::Trust)?, clients, of)
        }
        Work::IdleTls => {
            let authority = stage.files.authority();
            idle(&with(Login::Tls)?, clients, |port, count| tls::connect(port, authority, count))
        }
    }
}

/// The proxy's processor time so far; nothing where there is no proxy.
fn cpu(proxy: &Running) -> Result<Option<Cpu>> {
    proxy.pid.map(process::cpu).transpose()
}

fn load(proxy: &Running, script: Script, clients: u32, plan: &Plan) -> Result<Sample> {
    let mut clients = Clients::connect(proxy.port, script, clients)?;
    let (seen, before, after) = clients.run(plan.warm_up, plan.measured, || cpu(proxy))?;
    let count = count(seen.latencies.len());
    let mut sample = Sample::from([(Metric::Tps, count / seen.elapsed.as_secs_f64())]);
    if !seen.latencies.is_empty() {
        sample.extend(latencies(seen.latencies));
        sample.extend(per(Some(count), before, after));
    }
    if script == Script::Sleep {
        sample.insert(Metric::Jain, stats::jain(&seen.by_client));
    }
    Ok(sample)
}

/// Percentiles of at least one latency.
fn latencies(mut seconds: Vec<f64>) -> Sample {
    seconds.sort_by(f64::total_cmp);
    let ms = |q| stats::quantile(&seconds, q) * 1e3;
    let (p50, p99, p999) = (ms(0.5), ms(0.99), ms(0.999));
    [(Metric::P50, p50), (Metric::P99, p99), (Metric::P999, p999), (Metric::Tail, p99 / p50)].into()
}

fn once(proxy: &Running, script: Script, clients: u32) -> Result<Sample> {
    Ok(latencies(Clients::connect(proxy.port, script, clients)?.once()?.latencies))
}

/// Processor time per transaction, in microseconds.
fn per(count: Option<f64>, before: Option<Cpu>, after: Option<Cpu>) -> Sample {
    let (Some(count), Some(before), Some(after)) = (count, before, after) else {
        return Sample::new();
    };
    let used = after.since(before);
    let us = |seconds: f64| seconds * 1e6 / count;
    [
        (Metric::Cpu, us(used.total)),
        (Metric::CpuUser, us(used.user())),
        (Metric::CpuSystem, us(used.system())),
    ]
    .into()
}

/// System calls of each transaction, as strace counts them while the clients work.
fn calls(proxy: &Running, script: Script, clients: u32, plan: &Plan) -> Result<Sample> {
    let pid = proxy.pid.context("no proxy to watch")?;
    let mut clients = Clients::connect(proxy.port, script, clients)?;
    let home = Scratch::new(Account::own())?;
    let (log, output) = (home.path().join("log"), home.path().join("counts"));
    let target = pid.to_string();
    let args = ["-f", "-c", "-U", "calls,name", "-p", &target, "-o"];
    let mut strace = Launch::new("strace", &log).args(args).args([&output]).start()?;
    until("strace to attach", PATIENCE, || {
        Ok(fs::read_to_string(&log).is_ok_and(|said| said.contains("attached")).then_some(()))
    })?;
    let (seen, (), ()) = clients.run(Duration::ZERO, plan.measured, || Ok(()))?;
    strace.signal(Signal::TERM)?;
    strace.wait(PATIENCE)?;
    let text = fs::read_to_string(&output).context("reading what strace counted")?;
    let counts = tools::strace(&text).context("strace counted nothing")?;
    let all: f64 = counts.values().sum();
    Ok([(Metric::Calls, all / count(seen.latencies.len()))].into())
}

/// User instructions of each transaction, as callgrind counts them.
fn instructions(contender: &Contender, set_up: SetUp<'_>, load: Load<'_>) -> Result<Sample> {
    let program = contender.program().context("no program to count in")?;
    let start = |wrapper: &Path| {
        let running = contender.with_program(wrapper).start(set_up)?;
        Ok(Watched { port: running.port, end: Box::new(|| running.end()) })
    };
    let counts = Tool::Callgrind.per_transaction(program, start, load)?;
    Ok([(Metric::Instructions, counts.values().sum())].into())
}

fn logins(
    server: &PgServer,
    proxy: &Running,
    login: Login,
    clients: u32,
    plan: &Plan,
) -> Result<Sample> {
    let mut command = pgbench::select_only(server, proxy.port, Protocol::Simple);
    command.args(["--connect"]).env("PGPASSWORD", pgbench::PASSWORD);
    if login.has_tls() {
        command.env("PGSSLMODE", "require");
    }
    let each = (plan.logins / clients).max(1);
    let before = cpu(proxy)?;
    let began = Instant::now();
    pgbench::run_transactions(&mut command, clients, each)?;
    let elapsed = began.elapsed().as_secs_f64();
    let count = f64::from(clients * each);
    let mut sample = Sample::from([(Metric::Logins, count / elapsed)]);
    if let Some(used) = per(Some(count), before, cpu(proxy)?).get(&Metric::Cpu) {
        sample.insert(Metric::LoginCpu, *used);
    }
    Ok(sample)
}

fn storm(server: &PgServer, proxy: &Running, plan: &Plan) -> Result<Sample> {
    let storm::Felt { calm_p99_ms, storm_p99_ms, logins } =
        storm::run(server, proxy.port, plan.measured)?;
    let rise = storm_p99_ms - calm_p99_ms;
    Ok([(Metric::P99, storm_p99_ms), (Metric::Rise, rise), (Metric::Logins, logins)].into())
}

fn recovery(server: &mut PgServer, proxy: &Running, clients: u32) -> Result<Sample> {
    let recovery::Recovered { first_s, all_s } =
        recovery::run(server, proxy.port, clients as usize)?;
    Ok([(Metric::FirstServed, first_s), (Metric::AllServed, all_s)].into())
}

fn transfer(proxy: &Running, bulk: Bulk) -> Result<Sample> {
    let mut client = Connection::open(proxy.port)?;
    let before = cpu(proxy)?;
    let began = Instant::now();
    let bytes = bulk.run(&mut client)?;
    let elapsed = began.elapsed().as_secs_f64();
    let after = cpu(proxy)?;
    #[expect(clippy::cast_precision_loss, reason = "a hundred million")]
    let bytes = bytes as f64;
    let mut sample = Sample::from([(Metric::Megabytes, bytes / 1e6 / elapsed)]);
    if let (Some(before), Some(after)) = (before, after) {
        sample.insert(Metric::GigabyteCpu, after.since(before).total / (bytes / 1e9));
    }
    Ok(sample)
}

/// Memory that each of so many clients adds that have come and rest.
fn idle<C>(
    proxy: &Running,
    clients: u32,
    connect: impl Fn(u16, u32) -> Result<C>,
) -> Result<Sample> {
    /// What the first clients bring into memory stays whether others come or not.
    const FIRST: u32 = 20;
    let pid = proxy.pid.context("no proxy to weigh")?;
    let _first = connect(proxy.port, FIRST)?;
    let before = process::memory_bytes(pid)?;
    let _idle = connect(proxy.port, clients)?;
    let after = process::memory_bytes(pid)?;
    #[expect(clippy::cast_precision_loss, reason = "memory fits 52 bits")]
    let kib = |bytes: u64| bytes as f64 / 1024.0;
    let per_client = kib(after.saturating_sub(before)) / f64::from(clients);
    Ok([(Metric::IdleClient, per_client), (Metric::Memory, kib(after) / 1024.0)].into())
}

#[expect(clippy::cast_precision_loss, reason = "samples are counted in millions at most")]
fn count(length: usize) -> f64 {
    length as f64
}
