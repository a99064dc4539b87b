//! What an operator may choose about one pool.

use std::time::Duration;

pub use crate::config::choices::Rotation;
use crate::dispatch::Policy;

/// Waiting times between attempts to connect after failures.
///
/// After the n-th failure in a row the next attempt comes `initial * 2^(n-1)` later, at most
/// `max`, less up to a half by chance. In an outage of T there are therefore at most
/// [`Backoff::dials_max`] attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first failure; less than 1 ms counts as 1 ms. Default 50 ms.
    pub initial: Duration,
    /// The longest wait. It bounds how late a server's return is noticed. Default 1 s.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { initial: Duration::from_millis(50), max: Duration::from_secs(1) }
    }
}

impl Backoff {
    const INITIAL_MIN: Duration = Duration::from_millis(1);

    /// The longest wait after so many `failures` in a row (1 or more).
    #[must_use]
    pub fn delay(&self, failures: u32) -> Duration {
        let initial = self.initial.max(Self::INITIAL_MIN);
        let doublings = failures.saturating_sub(1).min(31);
        initial.saturating_mul(1 << doublings).min(self.max.max(initial))
    }

    /// The most attempts one pool makes while nothing answers for `outage`: those under way when
    /// the first fails (`parallel_max`), then one after each wait, each cut to half by chance.
    #[must_use]
    pub fn dials_max(&self, parallel_max: u32, outage: Duration) -> u32 {
        let mut dials = parallel_max.max(1);
        let mut passed = Duration::ZERO;
        for failures in 1.. {
            passed = passed.saturating_add(self.delay(failures) / 2);
            if passed > outage {
                break;
            }
            dials = dials.saturating_add(1);
        }
        dials
    }
}

/// The settings of one pool. `None` for a time means no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSettings {
    /// Most server connections, connecting and closing ones included. Default 20.
    pub size_max: u32,
    /// Connections kept open without demand; above `size_max` it counts as `size_max`. Sibling
    /// pools cannot take them. Default 0.
    pub size_min: u32,
    /// Connections beyond `size_max` once a client has waited for `reserve_after`. Default 0.
    pub reserve: u32,
    /// The wait that opens the reserve. Default 5 s.
    pub reserve_after: Duration,
    /// The longest wait for a slot; then the client is refused. Default 120 s.
    pub wait_max: Option<Duration>,
    /// How waiting clients are served. Default fair.
    pub dispatch: Policy,
    /// Most clients in the wait queue; the next is refused at once. Default 10,000.
    pub queue_len_max: u32,
    /// The age at which a connection is closed when next unused. Default 1 h.
    pub server_lifetime: Option<Duration>,
    /// How much of the lifetime chance may take off, 0 to 100, so that connections opened
    /// together do not expire together. Default 20.
    pub lifetime_jitter_percent: u8,
    /// The time unused after which a connection above `size_min` is closed. Default 10 min.
    pub server_idle_timeout: Option<Duration>,
    /// The time unused after which a connection is tried before it is given out. Default 30 s.
    pub check_after_idle: Option<Duration>,
    /// The longest such trial; then the connection is closed. Default 5 s.
    pub check_timeout: Duration,
    /// The longest a released connection may take to settle; then it is closed. Default 10 s.
    pub settle_timeout: Duration,
    /// The longest attempt to connect and log in. Default 15 s.
    pub connect_timeout: Duration,
    /// Most attempts at the same time; 0 counts as 1. After a failure one at a time. Default 4.
    pub dials_parallel_max: u32,
    /// Waiting times after failed attempts.
    pub retry: Backoff,
    /// The seed of all chance in this pool (waits, lifetimes). Default 0.
    pub seed: u64,
    /// Which idle connection is given out.
    pub rotation: Rotation,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            size_max: 20,
            size_min: 0,
            reserve: 0,
            reserve_after: Duration::from_secs(5),
            wait_max: Some(Duration::from_secs(120)),
            dispatch: Policy::Fair,
            queue_len_max: 10_000,
            server_lifetime: Some(Duration::from_secs(3600)),
            lifetime_jitter_percent: 20,
            server_idle_timeout: Some(Duration::from_secs(600)),
            check_after_idle: Some(Duration::from_secs(30)),
            check_timeout: Duration::from_secs(5),
            settle_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(15),
            dials_parallel_max: 4,
            retry: Backoff::default(),
            seed: 0,
            rotation: Rotation::Lifo,
        }
    }
}
