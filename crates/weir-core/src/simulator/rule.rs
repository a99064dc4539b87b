//! The ways to serve waiting requests that are compared.

use std::time::Duration;

use crate::dispatch::{ClassRules, Policy};
use crate::pool::PoolSettings;

use super::plan::ClassPlan;

/// The idle time after which transactions are ended, where they are.
pub(super) const KILLER_IDLE: Duration = Duration::from_secs(1);

/// How waiting requests are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// First in, first out, waits of up to 120 s: what poolers do by default.
    Fifo,
    /// The same with waits of up to 1 s.
    FifoSecond,
    /// The same with waits of up to 100 ms.
    FifoShort,
    /// One queue with CoDel's standing queue and adaptive LIFO.
    Codel,
    /// Most slots of each class as the plan says, else as [`Rule::FifoSecond`].
    Bulkheads,
    /// Transactions idle for a second are ended with their connection, else as
    /// [`Rule::FifoSecond`].
    Killer,
    /// Weir's dispatch.
    Weir,
    /// The same, and every step of the healing ladder enforced.
    Ladder,
}

impl Rule {
    /// All of them, Weir's last.
    pub const ALL: [Self; 8] = [
        Self::Fifo,
        Self::FifoSecond,
        Self::FifoShort,
        Self::Codel,
        Self::Bulkheads,
        Self::Killer,
        Self::Weir,
        Self::Ladder,
    ];

    /// A name for tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fifo => "fifo 120 s",
            Self::FifoSecond => "fifo 1 s",
            Self::FifoShort => "fifo 100 ms",
            Self::Codel => "codel + lifo",
            Self::Bulkheads => "bulkheads",
            Self::Killer => "idle killer",
            Self::Weir => "weir",
            Self::Ladder => "weir + ladder",
        }
    }

    /// The pool's settings under this rule.
    pub(super) fn settings(self, slots: u32, seed: u64) -> PoolSettings {
        let (dispatch, wait_max) = match self {
            Self::Fifo => (Policy::Fifo, Duration::from_secs(120)),
            Self::FifoSecond | Self::Killer => (Policy::Fifo, Duration::from_secs(1)),
            Self::FifoShort => (Policy::Fifo, Duration::from_millis(100)),
            Self::Codel => (Policy::Codel, Duration::from_millis(500)),
            Self::Bulkheads => (Policy::Fair, Duration::from_secs(1)),
            Self::Weir | Self::Ladder => (Policy::Fair, Duration::from_secs(120)),
        };
        PoolSettings {
            size_max: slots,
            size_min: slots,
            dispatch,
            wait_max: Some(wait_max),
            server_lifetime: None,
            check_after_idle: None,
            dials_parallel_max: 8,
            seed,
            ..PoolSettings::default()
        }
    }

    /// What the operator says of a class under this rule.
    pub(super) fn class(self, plan: &ClassPlan) -> ClassRules {
        let usual = ClassRules::default();
        match self {
            Self::Bulkheads => ClassRules { ceiling: plan.bulkhead, ..usual },
            Self::Weir | Self::Ladder => ClassRules { criticality: plan.criticality, ..usual },
            Self::Fifo | Self::FifoSecond | Self::FifoShort | Self::Codel | Self::Killer => usual,
        }
    }

    /// True when the controller is at work.
    pub(super) const fn controls(self) -> bool {
        !matches!(self, Self::Bulkheads)
    }

    /// The idle time after which a transaction is ended.
    pub(super) const fn kills_after(self) -> Option<Duration> {
        match self {
            Self::Killer => Some(KILLER_IDLE),
            Self::Fifo
            | Self::FifoSecond
            | Self::FifoShort
            | Self::Codel
            | Self::Bulkheads
            | Self::Weir
            | Self::Ladder => None,
        }
    }
}
