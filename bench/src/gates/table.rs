//! The gates: every limit in one table.
//!
//! A limit is what CI enforces, a target what Weir is to reach. Where they differ, the limit is
//! the figure measured last and a seventh, so that it can only get better: whoever makes Weir
//! cheaper lowers the limit here. A seventh, because turns of the loop for one message alone, and
//! what is looked at by the clock while a transaction takes longer, move instructions: by four
//! percent either way under loads of 20 to 60 on two cores, by up to a seventh beside two builds.

use crate::pgbench::Protocol;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// System calls of one transaction, before a server that answers at once; see
    /// [`Driver::counts`].
    Syscalls,
    /// Instructions in user mode of one transaction.
    Instructions,
    /// Bytes of memory that one idle client adds.
    IdleClientBytes,
}

impl Measure {
    pub(super) const fn unit(self) -> &'static str {
        match self {
            Self::Syscalls => "system calls a transaction without mere waits",
            Self::Instructions => "user instructions a transaction",
            Self::IdleClientBytes => "bytes an idle client",
        }
    }
}

/// The event loop that Weir runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Driver {
    Epoll,
    Uring,
}

impl Driver {
    /// As `weir up --driver` takes it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Epoll => "epoll",
            Self::Uring => "uring",
        }
    }

    /// Whether a system call belongs to a transaction. One that only waits for events does not
    /// (with io_uring none does: the one that waits is also the one that sends), nor does asking
    /// for a connection's own address: a look by the clock does that for every connection, the
    /// more often the longer the machine takes.
    pub(super) fn counts(self, call: &str) -> bool {
        let waits = call.starts_with("epoll_wait") || call.starts_with("epoll_pwait");
        let looks = call == "getsockname";
        match self {
            Self::Epoll => !waits && !looks,
            Self::Uring => !looks,
        }
    }
}

/// One gate. The pool has 20 slots.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gate {
    pub(super) driver: Driver,
    pub(super) measure: Measure,
    pub(super) protocol: Protocol,
    pub(super) clients: u32,
    /// The most that passes.
    pub(super) limit: f64,
    /// What it is to be.
    pub(super) target: f64,
}

/// Two messages come and two go, and nothing else: no registering and no second look, also while
/// clients queue. The rest of the limit is for the time limits looked at meanwhile.
const fn syscalls(protocol: Protocol, clients: u32) -> Gate {
    let (driver, measure) = (Driver::Epoll, Measure::Syscalls);
    Gate { driver, measure, protocol, clients, limit: 4.15, target: 4.0 }
}

/// One for all messages of a turn, the wait for the next turn included. With 20 slots and a server
/// that answers all of them at once it is two turns for 20 transactions, 0.1; with one message a
/// turn it would be 2.
const fn uring_syscalls(protocol: Protocol, clients: u32) -> Gate {
    let (driver, measure) = (Driver::Uring, Measure::Syscalls);
    Gate { driver, measure, protocol, clients, limit: 1.0, target: 1.0 }
}

const fn instructions(protocol: Protocol, limit: f64, target: f64) -> Gate {
    let (driver, measure) = (Driver::Epoll, Measure::Instructions);
    Gate { driver, measure, protocol, clients: 8, limit, target }
}

/// All of them. For comparison, PgBouncer 1.25: 4.0 system calls and, while clients queue, 8 to 10;
/// 3,900, 6,900 and 6,800 instructions; 1,050 bytes.
pub(super) const GATES: [Gate; 11] = [
    syscalls(Protocol::Simple, 8),
    syscalls(Protocol::Simple, 50),
    syscalls(Protocol::Simple, 200),
    syscalls(Protocol::Prepared, 50),
    uring_syscalls(Protocol::Simple, 50),
    uring_syscalls(Protocol::Simple, 200),
    uring_syscalls(Protocol::Prepared, 50),
    instructions(Protocol::Simple, 3700.0, 2500.0),
    instructions(Protocol::Extended, 4700.0, 3500.0),
    instructions(Protocol::Prepared, 4590.0, 4000.0),
    Gate {
        driver: Driver::Epoll,
        measure: Measure::IdleClientBytes,
        protocol: Protocol::Simple,
        clients: 1000,
        limit: 940.0,
        target: 820.0,
    },
];
