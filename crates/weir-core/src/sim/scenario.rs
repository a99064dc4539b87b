//! What a seed chooses about a world.

use std::time::Duration;

use crate::dispatch::Policy;
use crate::pool::{Backoff, Chance, PoolSettings, Rotation};

/// What the virtual PostgreSQL does to those who come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Lets them in.
    Fair,
    /// Refuses connections.
    Down,
    /// Answers nothing.
    Hanging,
    /// Rejects the password.
    Denying,
}

/// One world.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Where all chance comes from.
    pub seed: u64,
    /// Slots of each budget.
    pub budgets: Vec<u32>,
    /// For each pool, the places of the budgets it draws on.
    pub draws: Vec<Vec<usize>>,
    /// The settings of each pool.
    pub pools: Vec<PoolSettings>,
    /// Clients, dealt to the pools in turn.
    pub clients: u32,
    /// How long clients come and things go wrong.
    pub storm: Duration,
    /// The longest time between two transactions of a client.
    pub think: Duration,
    /// The longest usual transaction.
    pub hold: Duration,
    /// The longest time to connect.
    pub latency: Duration,
    /// Percent of waits that a client gives up early.
    pub giving_up_percent: u64,
    /// Percent of releases that leave the connection broken, and as many that let it settle.
    pub faults_percent: u64,
    /// The mean time between changes of the weather.
    pub weather_every: Duration,
    /// The mean time between an operator's commands.
    pub operator_every: Duration,
}

impl Scenario {
    /// The world of a seed.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let count = 1 + chance.below(4);
        let pools: Vec<_> = (0..count).map(|_| settings(&mut chance)).collect();
        let (draws, budgets) = budgets(&mut chance, &pools);
        Self {
            seed,
            budgets,
            draws,
            pools,
            clients: 1 + small(&mut chance, 30),
            storm: Duration::from_secs(2),
            think: millis(&mut chance, 10, 200),
            hold: millis(&mut chance, 1, 30),
            latency: millis(&mut chance, 1, 20),
            giving_up_percent: chance.below(30),
            faults_percent: chance.below(10),
            weather_every: millis(&mut chance, 200, 3000),
            operator_every: millis(&mut chance, 100, 3000),
        }
    }
}

/// Which pools draw on which budgets, and the slots of each: at least one beyond the minimums,
/// which would starve others. A pool's place may go to another, so the largest minimum counts.
pub(super) fn budgets(chance: &mut Chance, pools: &[PoolSettings]) -> (Vec<Vec<usize>>, Vec<u32>) {
    let count = 1 + usize::try_from(chance.below(4)).unwrap_or(0);
    let mut draw = |_: &PoolSettings| {
        (0..count).filter(|&at| chance.percent(if at == 0 { 90 } else { 50 })).collect()
    };
    let draws: Vec<Vec<usize>> = pools.iter().map(&mut draw).collect();
    let floor = pools.iter().map(|one| one.size_min).max().unwrap_or(0);
    let floors = floor * u32::try_from(pools.len()).unwrap_or(u32::MAX);
    let slots = (0..count).map(|_| floors + 1 + small(chance, 8)).collect();
    (draws, slots)
}

/// The settings of one pool.
pub(super) fn settings(chance: &mut Chance) -> PoolSettings {
    let size_max = 1 + small(chance, 6);
    let mut one = PoolSettings {
        dispatch: Policy::Fair,
        size_max,
        size_min: small(chance, 3).min(size_max),
        reserve: if chance.percent(30) { 1 + small(chance, 2) } else { 0 },
        reserve_after: millis(chance, 5, 100),
        wait_max: maybe(chance, 20, 800),
        queue_len_max: 1 + small(chance, 30),
        server_lifetime: maybe(chance, 50, 1000),
        lifetime_jitter_percent: u8::try_from(chance.below(101)).unwrap_or(0),
        server_idle_timeout: maybe(chance, 10, 500),
        check_after_idle: maybe(chance, 1, 100),
        check_timeout: millis(chance, 5, 100),
        settle_timeout: millis(chance, 5, 100),
        connect_timeout: millis(chance, 20, 300),
        dials_parallel_max: 1 + small(chance, 4),
        retry: Backoff { initial: millis(chance, 1, 50), max: millis(chance, 50, 500) },
        seed: chance.draw(),
        rotation: match chance.below(4) {
            0 => Rotation::Lifo,
            1 => Rotation::RoundRobin,
            2 => Rotation::EveryTransaction,
            _ => Rotation::Random(chance.draw()),
        },
    };
    one.dispatch = match one.seed % 8 {
        0 | 1 => Policy::Fifo,
        2 => Policy::Codel,
        _ => Policy::Fair,
    };
    one
}

/// A number under `bound`.
pub(super) fn small(chance: &mut Chance, bound: u32) -> u32 {
    u32::try_from(chance.below(u64::from(bound))).unwrap_or(0)
}

fn millis(chance: &mut Chance, from: u64, to: u64) -> Duration {
    Duration::from_millis(from + chance.below(to - from + 1))
}

fn maybe(chance: &mut Chance, from: u64, to: u64) -> Option<Duration> {
    let span = millis(chance, from, to);
    chance.percent(60).then_some(span)
}
