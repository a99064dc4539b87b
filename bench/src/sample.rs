//! One contender in one cell in one round.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use weir_testkit::PgServer;

use crate::cells::{Cell, Section, Work};
use crate::contender::{Contender, Files, Login, Running, SetUp};
use crate::deadline::Deadline;
use crate::load::bulk::Bulk;
use crate::load::closed::Clients;
use crate::load::connection::{Connection, Door};
use crate::load::script::Script;
use crate::load::tls;
use crate::metric::Metric;
use crate::pgbench::{self, Protocol};
use crate::plan::Plan;
use crate::process::{self, Cpu};
use crate::tools::{self, Load, Watched};
use crate::{calls, recovery, stats, storm};

/// What was measured.
pub(crate) type Sample = BTreeMap<Metric, f64>;

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
    let Cell { section, work, clients, pool } = cell;
    let deadline = Deadline::after(work.limit() + plan.measured * 10);
    let is_counted = matches!(work, Work::Instructions(_));
    let set_up = |upstream, login| SetUp { upstream, pool, login, is_counted, files: &stage.files };
    let start = |upstream, login| contender.start(set_up(upstream, login));
    let with = |login| start(stage.server.port(), login);
    let connect = |proxy: &Running, script| Clients::connect(proxy.door(deadline), script, clients);
    match work {
        Work::Load(script) => {
            let proxy = with(Login::Trust)?;
            load(&proxy, connect(&proxy, script)?, Span::of(cell, script, plan), section)
        }
        Work::Uneven(script, skew) => {
            let proxy = with(Login::Trust)?;
            let span = Span { warm_up: LENDING, ..Span::of(cell, script, plan) };
            load(&proxy, connect(&proxy, script)?.only(skew.works()), span, section)
        }
        Work::Saturate(script) => {
            let proxy = start(stage.stub, Login::Trust)?;
            load(&proxy, connect(&proxy, script)?, Span::of(cell, script, plan), section)
        }
        Work::Once(script) => {
            Ok(latencies(connect(&with(Login::Trust)?, script)?.once()?.latencies))
        }
        Work::Calls(script) => {
            let program = contender.program().context("no program to watch")?;
            // As in the gates: how many messages a turn has is not to be chance.
            let set_up = set_up(stage.stub, Login::Trust);
            let load = calls::Load { script, clients, deadline };
            let start = |wrapper: &Path| watched(contender, set_up, wrapper);
            let counts = calls::per_transaction(program, start, load)?;
            Ok([(Metric::Calls, counts.values().sum())].into())
        }
        Work::Instructions(protocol) => {
            let program = contender.program().context("no program to count in")?;
            let set_up = set_up(stage.server.port(), Login::Trust);
            let load = Load::new(&stage.server, protocol, clients, deadline);
            let start = |wrapper: &Path| watched(contender, set_up, wrapper);
            Ok([(Metric::Instructions, tools::instructions(program, start, load)?)].into())
        }
        Work::Logins(login) => {
            let all = plan.logins / login.weight();
            logins(&stage.server, &with(login)?, login, (clients, all), deadline)
        }
        Work::Storm(login) => storm(&stage.server, &with(login)?, login, deadline),
        Work::Recovery => {
            let mut server = recovery::server()?;
            let proxy = start(server.port(), Login::Trust)?;
            recovery(&mut server, &proxy, clients, deadline)
        }
        Work::Bulk(bulk) => transfer(&with(Login::Trust)?, bulk, deadline),
        Work::Active => active(&with(Login::Trust)?, clients, deadline, plan),
        Work::Idle => idle(&with(Login::Trust)?, clients, deadline, |door, count| {
            Clients::connect(door, SIMPLE, count)
        }),
        Work::IdleTls => {
            let authority = stage.files.authority();
            idle(&with(Login::Tls)?, clients, deadline, |door, count| {
                tls::connect(door, authority, count)
            })
        }
    }
}

const SIMPLE: Script = Script::Select(Protocol::Simple);

/// How long workers get to lend each other slots: they look for a second, and half of what is
/// spare goes at a time.
const LENDING: Duration = Duration::from_secs(4);

/// How long clients work.
#[derive(Debug, Clone, Copy)]
struct Span {
    warm_up: Duration,
    measured: Duration,
}

impl Span {
    /// Where clients wait for half a second, each is to be served often enough to be compared.
    fn of(cell: Cell, script: Script, plan: &Plan) -> Self {
        let times = if script == Script::Sleep { 6 } else { 1 };
        let turns = u32::try_from(cell.turns()).unwrap_or(1).div_ceil(2);
        Self { warm_up: plan.warm_up, measured: plan.measured * times / turns }
    }
}

/// The proxy's processor time so far; nothing where there is no proxy.
fn cpu(proxy: &Running) -> Result<Option<Cpu>> {
    proxy.pid.map(process::cpu).transpose()
}

fn load(proxy: &Running, mut clients: Clients, span: Span, section: Section) -> Result<Sample> {
    let (seen, before, after) = clients.run(span.warm_up, span.measured, || cpu(proxy))?;
    let count = count(seen.latencies.len());
    let mut sample = Sample::from([(Metric::Tps, count / seen.elapsed.as_secs_f64())]);
    if !seen.latencies.is_empty() {
        sample.extend(latencies(seen.latencies));
        if let Some(used) = used(before, after) {
            sample.extend(per(count, &used));
            if let Some(share) = used.busiest().filter(|_| section == Section::Workers) {
                sample.insert(Metric::Busiest, share);
                sample.insert(Metric::Capacity, count / (used.total() * share));
            }
        }
    }
    sample.insert(Metric::Jain, stats::jain(&seen.by_client));
    Ok(sample)
}

/// Percentiles of at least one latency.
fn latencies(mut seconds: Vec<f64>) -> Sample {
    seconds.sort_by(f64::total_cmp);
    let ms = |q| stats::quantile(&seconds, q) * 1e3;
    let (p50, p99, p999) = (ms(0.5), ms(0.99), ms(0.999));
    [(Metric::P50, p50), (Metric::P99, p99), (Metric::P999, p999), (Metric::Tail, p99 / p50)].into()
}

fn used(before: Option<Cpu>, after: Option<Cpu>) -> Option<Cpu> {
    Some(after?.since(&before?))
}

/// Processor time per transaction, in microseconds.
fn per(count: f64, used: &Cpu) -> Sample {
    let us = |seconds: f64| seconds * 1e6 / count;
    [
        (Metric::Cpu, us(used.total())),
        (Metric::CpuUser, us(used.user())),
        (Metric::CpuSystem, us(used.system())),
    ]
    .into()
}

/// Starts the contender with another program in its place, to be watched.
fn watched(contender: &Contender, set_up: SetUp<'_>, wrapper: &Path) -> Result<Watched> {
    let running = contender.with_program(wrapper).start(set_up)?;
    Ok(Watched { port: running.port, end: Box::new(|| running.end()) })
}

fn logins(
    server: &PgServer,
    proxy: &Running,
    login: Login,
    (clients, all): (u32, u32),
    deadline: Deadline,
) -> Result<Sample> {
    let mut command = pgbench::select_only(server, proxy.port, Protocol::Simple);
    command.args(["--connect"]).env("PGPASSWORD", pgbench::PASSWORD);
    if login.has_tls() {
        command.env("PGSSLMODE", "require");
    }
    let each = (all / clients).max(1);
    let before = cpu(proxy)?;
    let began = Instant::now();
    pgbench::run_transactions(&mut command, clients, each, deadline)?;
    let elapsed = began.elapsed().as_secs_f64();
    let count = f64::from(clients * each);
    let mut sample = Sample::from([(Metric::Logins, count / elapsed)]);
    if let Some(used) = used(before, cpu(proxy)?) {
        sample.insert(Metric::LoginCpu, used.total() * 1e6 / count);
    }
    Ok(sample)
}

fn storm(server: &PgServer, proxy: &Running, login: Login, deadline: Deadline) -> Result<Sample> {
    let storm::Felt { calm_p99_ms, storm_p99_ms, logins } =
        storm::run(server, proxy.port, login, deadline)?;
    let rise = storm_p99_ms - calm_p99_ms;
    Ok([(Metric::P99, storm_p99_ms), (Metric::Rise, rise), (Metric::Logins, logins)].into())
}

fn recovery(
    server: &mut PgServer,
    proxy: &Running,
    clients: u32,
    deadline: Deadline,
) -> Result<Sample> {
    let recovery::Recovered { first_s, all_s } =
        recovery::run(server, proxy.port, clients as usize, deadline)?;
    Ok([(Metric::FirstServed, first_s), (Metric::AllServed, all_s)].into())
}

fn transfer(proxy: &Running, bulk: Bulk, deadline: Deadline) -> Result<Sample> {
    let mut client = Connection::open(proxy.door(deadline), 0)?;
    let before = cpu(proxy)?;
    let began = Instant::now();
    let bytes = bulk.run(&mut client)?;
    let elapsed = began.elapsed().as_secs_f64();
    let used = used(before, cpu(proxy)?);
    #[expect(clippy::cast_precision_loss, reason = "a hundred million")]
    let bytes = bytes as f64;
    let mut sample = Sample::from([(Metric::Megabytes, bytes / 1e6 / elapsed)]);
    if let Some(used) = used {
        sample.insert(Metric::GigabyteCpu, used.total() / (bytes / 1e9));
    }
    Ok(sample)
}

/// Clients before the first look: what they bring into memory stays whether others come or not.
const FIRST: u32 = 20;

/// Memory that each of so many clients adds that work.
fn active(proxy: &Running, clients: u32, deadline: Deadline, plan: &Plan) -> Result<Sample> {
    let pid = proxy.pid.context("no proxy to weigh")?;
    let door = proxy.door(deadline);
    let mut first = Clients::connect(door, SIMPLE, FIRST)?;
    let (_, _, before) = first.run(Duration::ZERO, plan.warm_up, || process::memory_bytes(pid))?;
    let mut others = Clients::connect(door, SIMPLE, clients)?;
    let (_, _, after) = others.run(plan.warm_up, plan.measured, || process::memory_bytes(pid))?;
    Ok(weighed(Metric::ActiveClient, clients, [before, after]))
}

/// Memory that each of so many clients adds that have come and rest.
fn idle<C>(
    proxy: &Running,
    clients: u32,
    deadline: Deadline,
    connect: impl Fn(Door, u32) -> Result<C>,
) -> Result<Sample> {
    let pid = proxy.pid.context("no proxy to weigh")?;
    let door = proxy.door(deadline);
    let _first = connect(door, FIRST)?;
    let before = process::memory_bytes(pid)?;
    let _idle = connect(door, clients)?;
    let after = process::memory_bytes(pid)?;
    Ok(weighed(Metric::IdleClient, clients, [before, after]))
}

/// What each of so many clients has added to the bytes before them.
fn weighed(each: Metric, clients: u32, [before, after]: [u64; 2]) -> Sample {
    #[expect(clippy::cast_precision_loss, reason = "memory fits 52 bits")]
    let kib = |bytes: u64| bytes as f64 / 1024.0;
    let per_client = kib(after.saturating_sub(before)) / f64::from(clients);
    [(each, per_client), (Metric::Memory, kib(after) / 1024.0)].into()
}

#[expect(clippy::cast_precision_loss, reason = "samples are counted in millions at most")]
fn count(length: usize) -> f64 {
    length as f64
}
