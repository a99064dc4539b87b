//! The aims. Where they come from: what a pool of a hundred lines reaches on the same machine,
//! beside the newest PgBouncer.

use crate::aims::verdict::Bound::{self, AtLeast, AtMost};
use crate::aims::{Against, Aim};
use crate::cells::{Cell, POOL, Section, Work};
use crate::contender::Login;
use crate::contender::Setting::{self, Alone, Booked, Epoll, Fair, Fifo, Lending, Unbooked, Uring};
use crate::load::bulk::Bulk;
use crate::load::script::Script;
use crate::metric::Metric::{
    self, AllServed, Calls, Capacity, Cpu, CpuUser, FirstServed, GigabyteCpu, IdleClient,
    Instructions, Jain, LoginCpu, P999, Rise, Tail, Tps,
};
use crate::pgbench::Protocol;

const SIMPLE: Script = Script::Select(Protocol::Simple);
const EXTENDED: Script = Script::Select(Protocol::Extended);
const PREPARED: Script = Script::Select(Protocol::Prepared);

/// Whether the cell is among those beside other proxies, with the usual pool, and this work.
fn usual(cell: &Cell, work: Work) -> bool {
    cell.section == Section::Proxies && cell.work == work && cell.pool == POOL
}

fn select(cell: &Cell, scripts: &[Script], clients: &[u32]) -> bool {
    scripts.iter().any(|script| usual(cell, Work::Load(*script))) && clients.contains(&cell.clients)
}

fn plain(cell: &Cell) -> bool {
    select(cell, &[SIMPLE, EXTENDED], &[50, 200, 1000])
}

fn prepared(cell: &Cell) -> bool {
    select(cell, &[PREPARED], &[50, 200, 1000])
}

fn any_of_many(cell: &Cell) -> bool {
    plain(cell) || prepared(cell)
}

fn eight(cell: &Cell) -> bool {
    select(cell, &[SIMPLE, EXTENDED, PREPARED], &[8])
}

/// Every cell of transactions from 8 clients on; what sleeps has aims of its own.
fn load(cell: &Cell) -> bool {
    let is_load = matches!(cell.work, Work::Load(Script::Select(_) | Script::TpcB));
    cell.section == Section::Proxies && is_load && cell.clients >= 8
}

fn saturated(cell: &Cell) -> bool {
    cell.section == Section::Proxies && matches!(cell.work, Work::Saturate(_))
}

fn sleeping(cell: &Cell) -> bool {
    cell.work == Work::Load(Script::Sleep) && cell.clients > cell.pool
}

fn plain_50_200(cell: &Cell) -> bool {
    plain(cell) && cell.clients < 1000
}

fn prepared_50_200(cell: &Cell) -> bool {
    prepared(cell) && cell.clients < 1000
}

fn preparing(cell: &Cell) -> bool {
    usual(cell, Work::Once(Script::PrepareFirst))
}

fn selecting(cell: &Cell) -> bool {
    usual(cell, Work::Bulk(Bulk::Select))
}

fn copying_out(cell: &Cell) -> bool {
    usual(cell, Work::Bulk(Bulk::CopyOut))
}

fn copying_in(cell: &Cell) -> bool {
    usual(cell, Work::Bulk(Bulk::CopyIn))
}

fn idle(cell: &Cell) -> bool {
    usual(cell, Work::Idle)
}

fn idle_tls(cell: &Cell) -> bool {
    usual(cell, Work::IdleTls)
}

fn by_trust(cell: &Cell) -> bool {
    usual(cell, Work::Logins(Login::Trust))
}

fn by_scram(cell: &Cell) -> bool {
    usual(cell, Work::Logins(Login::Scram))
}

fn by_tls(cell: &Cell) -> bool {
    usual(cell, Work::Logins(Login::Tls)) || usual(cell, Work::Logins(Login::TlsScram))
}

fn storm(cell: &Cell) -> bool {
    usual(cell, Work::Storm(Login::Scram))
}

fn storm_of_keys(cell: &Cell) -> bool {
    usual(cell, Work::Storm(Login::ScramClear))
}

fn recovery(cell: &Cell) -> bool {
    usual(cell, Work::Recovery)
}

fn called(cell: &Cell) -> bool {
    cell.section == Section::Proxies && matches!(cell.work, Work::Calls(_))
}

fn counted_simple(cell: &Cell) -> bool {
    usual(cell, Work::Instructions(Protocol::Simple))
}

fn counted_extended(cell: &Cell) -> bool {
    usual(cell, Work::Instructions(Protocol::Extended))
}

fn counted_prepared(cell: &Cell) -> bool {
    usual(cell, Work::Instructions(Protocol::Prepared))
}

fn policy(cell: &Cell) -> bool {
    cell.section == Section::Policy && !matches!(cell.work, Work::Instructions(_))
}

fn booked(cell: &Cell) -> bool {
    cell.section == Section::Ledger && !matches!(cell.work, Work::Instructions(_))
}

fn two_saturated(cell: &Cell) -> bool {
    cell.section == Section::Workers && matches!(cell.work, Work::Saturate(_))
}

const fn ratio(
    what: &'static str,
    who: Setting,
    metric: Metric,
    cells: fn(&Cell) -> bool,
    bound: Bound,
) -> Aim {
    Aim { what, who, metric, cells, against: Against::PgBouncer, bound, floor_ms: None }
}

const fn figure(
    what: &'static str,
    who: Setting,
    metric: Metric,
    cells: fn(&Cell) -> bool,
    bound: Bound,
) -> Aim {
    Aim { what, who, metric, cells, against: Against::Nothing, bound, floor_ms: None }
}

/// What a storm adds to the 99th percentile counts as nothing below this, milliseconds: calm rounds
/// differ by as much.
const UNFELT_MS: Option<f64> = Some(0.5);

/// All of them.
pub(super) const AIMS: [Aim; 40] = [
    ratio(
        "io_uring: CPU a transaction, simple and extended, 50 to 1000 clients",
        Uring,
        Cpu,
        plain,
        AtMost(0.70),
    ),
    ratio(
        "io_uring: CPU a transaction, prepared, 50 to 1000 clients",
        Uring,
        Cpu,
        prepared,
        AtMost(0.65),
    ),
    ratio("io_uring: CPU a transaction, 8 clients", Uring, Cpu, eight, AtMost(0.9)),
    ratio("epoll: CPU a transaction, 50 to 1000 clients", Epoll, Cpu, any_of_many, AtMost(0.85)),
    ratio("epoll: CPU a transaction, 8 clients", Epoll, Cpu, eight, AtMost(0.9)),
    ratio("io_uring: throughput, every load from 8 clients", Uring, Tps, load, AtLeast(1.0)),
    ratio("epoll: throughput, every load from 8 clients", Epoll, Tps, load, AtLeast(1.0)),
    ratio(
        "io_uring: throughput, simple and extended, 50 and 200 clients",
        Uring,
        Tps,
        plain_50_200,
        AtLeast(1.1),
    ),
    ratio(
        "io_uring: throughput, prepared, 50 and 200 clients",
        Uring,
        Tps,
        prepared_50_200,
        AtLeast(1.3),
    ),
    ratio("io_uring: p99/p50, every load from 8 clients", Uring, Tail, load, AtMost(1.0)),
    ratio("epoll: p99/p50, every load from 8 clients", Epoll, Tail, load, AtMost(1.0)),
    ratio("io_uring: throughput, instant server, one worker", Uring, Tps, saturated, AtLeast(1.5)),
    Aim {
        against: Against::Weir(Alone),
        ..figure(
            "two workers that lend: what the busiest has time for, instant server",
            Lending,
            Capacity,
            two_saturated,
            AtLeast(1.8),
        )
    },
    Aim {
        against: Against::Weir(Alone),
        ..figure(
            "two workers that lend: CPU a transaction, instant server",
            Lending,
            Cpu,
            two_saturated,
            AtMost(1.11),
        )
    },
    figure(
        "io_uring: p99.9 of 1000 clients that prepare at once, ms",
        Uring,
        P999,
        preparing,
        AtMost(500.0),
    ),
    ratio("io_uring: CPU a GB, large results", Uring, GigabyteCpu, selecting, AtMost(0.4)),
    ratio("io_uring: CPU a GB, COPY out", Uring, GigabyteCpu, copying_out, AtMost(0.65)),
    ratio("io_uring: CPU a GB, COPY in", Uring, GigabyteCpu, copying_in, AtMost(0.6)),
    ratio("epoll: CPU a GB, large results", Epoll, GigabyteCpu, selecting, AtMost(0.4)),
    figure("io_uring: memory of an idle client, KiB", Uring, IdleClient, idle, AtMost(0.8)),
    figure("epoll: memory of an idle client, KiB", Epoll, IdleClient, idle, AtMost(0.8)),
    figure(
        "io_uring: memory of an idle TLS client, KiB",
        Uring,
        IdleClient,
        idle_tls,
        AtMost(12.0),
    ),
    Aim {
        against: Against::Direct,
        ..figure(
            "500 clients, 10 slots, 10 ms: throughput of 10 direct clients",
            Uring,
            Tps,
            sleeping,
            AtLeast(1.0),
        )
    },
    figure("500 clients, 10 slots, 10 ms: Jain's index", Uring, Jain, sleeping, AtLeast(0.998)),
    figure("500 clients, 10 slots, 10 ms: p99/p50", Uring, Tail, sleeping, AtMost(1.1)),
    ratio("io_uring: CPU a login, trust", Uring, LoginCpu, by_trust, AtMost(0.8)),
    ratio("io_uring: CPU a login, SCRAM", Uring, LoginCpu, by_scram, AtMost(0.8)),
    ratio("io_uring: CPU a login, TLS", Uring, LoginCpu, by_tls, AtMost(0.8)),
    Aim {
        floor_ms: UNFELT_MS,
        ..ratio("p99 added by 500 SCRAM logins a second", Uring, Rise, storm, AtMost(0.1))
    },
    Aim {
        floor_ms: UNFELT_MS,
        ..ratio(
            "p99 added by 500 SCRAM logins a second, proxy has clear passwords",
            Uring,
            Rise,
            storm_of_keys,
            AtMost(0.1),
        )
    },
    figure(
        "first answer after a restart of the server, s",
        Uring,
        FirstServed,
        recovery,
        AtMost(1.0),
    ),
    figure(
        "200 clients served after a restart of the server, s",
        Uring,
        AllServed,
        recovery,
        AtMost(3.0),
    ),
    figure("epoll: system calls a transaction, waits included", Epoll, Calls, called, AtMost(4.6)),
    figure("io_uring: system calls a transaction", Uring, Calls, called, AtMost(1.0)),
    figure("user instructions, simple", Epoll, Instructions, counted_simple, AtMost(2500.0)),
    figure("user instructions, extended", Epoll, Instructions, counted_extended, AtMost(3500.0)),
    figure("user instructions, prepared", Epoll, Instructions, counted_prepared, AtMost(4000.0)),
    Aim {
        against: Against::Weir(Fifo),
        ..figure(
            "fair dispatch and healing: throughput of neither",
            Fair,
            Tps,
            policy,
            AtLeast(0.99),
        )
    },
    Aim {
        against: Against::Weir(Unbooked),
        ..figure("the ledger: throughput without it", Booked, Tps, booked, AtLeast(0.98))
    },
    Aim {
        against: Against::Weir(Unbooked),
        ..figure(
            "the ledger: user CPU a transaction without it",
            Booked,
            CpuUser,
            booked,
            AtMost(1.05),
        )
    },
];
