//! The gates: every limit in one table.
//!
//! A limit is what CI enforces, a target what Weir is to reach. Where they differ, the limit is
//! the figure measured last and three percent, so that it can only get better: whoever makes Weir
//! cheaper lowers the limit here.

use crate::pgbench::Protocol;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// System calls of one transaction.
    Calls,
    /// The same without those that wait: how many events a wait brings depends on how busy the
    /// machine is.
    CallsWithoutWaits,
    /// Instructions in user mode of one transaction.
    Instructions,
    /// Bytes of memory that one idle client adds.
    IdleClientBytes,
}

impl Measure {
    pub(super) const fn unit(self) -> &'static str {
        match self {
            Self::Calls => "system calls a transaction",
            Self::CallsWithoutWaits => "system calls a transaction without waits",
            Self::Instructions => "user instructions a transaction",
            Self::IdleClientBytes => "bytes an idle client",
        }
    }
}

/// One gate. The pool has 20 slots.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gate {
    pub(super) measure: Measure,
    pub(super) driver: &'static str,
    pub(super) protocol: Protocol,
    pub(super) clients: u32,
    /// The most that passes.
    pub(super) limit: f64,
    /// What it is to be.
    pub(super) target: f64,
}

/// Two messages come and two go, and nothing else: no registering and no second look, also while
/// clients queue. The rest of the limit is for the time limits looked at meanwhile.
const fn epoll_calls(protocol: Protocol, clients: u32) -> Gate {
    let (measure, driver) = (Measure::CallsWithoutWaits, "epoll");
    Gate { measure, driver, protocol, clients, limit: 4.05, target: 4.0 }
}

/// One call waits, brings and sends for many: however few events it finds on a machine that is
/// otherwise busy, at 50 clients they are more than two.
const fn uring_calls(protocol: Protocol, clients: u32) -> Gate {
    let (measure, driver) = (Measure::Calls, "uring");
    Gate { measure, driver, protocol, clients, limit: 1.0, target: 1.0 }
}

/// One client alone: each message is a turn of the loop by itself, so that the figure is the most
/// a transaction costs and the same however busy the machine is. The target is that of 8 clients.
const fn instructions(protocol: Protocol, limit: f64, target: f64) -> Gate {
    let (measure, driver) = (Measure::Instructions, "epoll");
    Gate { measure, driver, protocol, clients: 1, limit, target }
}

/// All of them. For comparison, PgBouncer 1.25: 4.0 system calls without waits and, while clients
/// queue, 8 to 10; 3,900, 6,900 and 6,800 instructions; 1,050 bytes.
pub(super) const GATES: [Gate; 10] = [
    epoll_calls(Protocol::Simple, 8),
    epoll_calls(Protocol::Simple, 50),
    epoll_calls(Protocol::Simple, 200),
    epoll_calls(Protocol::Prepared, 50),
    uring_calls(Protocol::Simple, 50),
    uring_calls(Protocol::Simple, 200),
    instructions(Protocol::Simple, 4254.0, 2500.0),
    instructions(Protocol::Extended, 5760.0, 3500.0),
    instructions(Protocol::Prepared, 5349.0, 4000.0),
    Gate {
        measure: Measure::IdleClientBytes,
        driver: "epoll",
        protocol: Protocol::Simple,
        clients: 1000,
        limit: 1024.0,
        target: 820.0,
    },
];
