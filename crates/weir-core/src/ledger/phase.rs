//! What a server connection's time can be spent on.

use std::ops::{Add, AddAssign, Index, Sub};

use crate::ids::PoolId;
use crate::pool::State;

/// What a server connection does. It is in exactly one phase at each moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// It is being opened and logged in.
    Connecting,
    /// It is ready, and nobody has it.
    Idle,
    /// It is put in order after a client, or tried before the next one.
    Resetting,
    /// PostgreSQL works for the holder, or its answer is on the way.
    Executing,
    /// The holder does not read its answer, and the server waits for it.
    ClientBlocked,
    /// The server reads COPY data from the holder.
    CopyIn,
    /// A transaction is open and PostgreSQL waits for the holder's next statement.
    IdleInTransaction,
    /// No transaction is open; the holder keeps the connection for its session state.
    PinnedIdle,
    /// It was given back, but a cancel request for it is still on its way.
    CancelSettling,
    /// It is being closed.
    Draining,
}

impl Phase {
    /// How many there are.
    pub const COUNT: usize = 10;

    /// All of them, in the order of a connection's life.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Connecting,
        Self::Idle,
        Self::Resetting,
        Self::Executing,
        Self::ClientBlocked,
        Self::CopyIn,
        Self::IdleInTransaction,
        Self::PinnedIdle,
        Self::CancelSettling,
        Self::Draining,
    ];

    /// Its name in tables, metrics and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Idle => "idle",
            Self::Resetting => "resetting",
            Self::Executing => "executing",
            Self::ClientBlocked => "client_blocked",
            Self::CopyIn => "copy_in",
            Self::IdleInTransaction => "idle_in_transaction",
            Self::PinnedIdle => "pinned_idle",
            Self::CancelSettling => "cancel_settling",
            Self::Draining => "draining",
        }
    }

    /// Somebody's work, or its aftermath, keeps the slot from others: all but opening, idling and
    /// closing.
    #[must_use]
    pub const fn is_held(self) -> bool {
        match self {
            Self::Connecting | Self::Idle | Self::Draining => false,
            Self::Resetting
            | Self::Executing
            | Self::ClientBlocked
            | Self::CopyIn
            | Self::IdleInTransaction
            | Self::PinnedIdle
            | Self::CancelSettling => true,
        }
    }

    /// The phase in which a slot enters a state of its pool.
    pub(crate) const fn entering(state: State) -> Self {
        match state {
            State::Dialling | State::Abandoned => Self::Connecting,
            State::Idle => Self::Idle,
            State::Active => Self::Executing,
            State::Settling | State::Checking => Self::Resetting,
            State::Closing => Self::Draining,
        }
    }

    /// Whether a slot may be in this phase while its pool has it in `state`.
    pub(crate) const fn fits(self, state: State) -> bool {
        match state {
            State::Dialling | State::Abandoned => matches!(self, Self::Connecting),
            State::Idle => matches!(self, Self::Idle),
            State::Active => matches!(
                self,
                Self::Resetting
                    | Self::Executing
                    | Self::ClientBlocked
                    | Self::CopyIn
                    | Self::IdleInTransaction
                    | Self::PinnedIdle
            ),
            State::Settling => matches!(self, Self::Resetting | Self::CancelSettling),
            State::Checking => matches!(self, Self::Resetting),
            State::Closing => matches!(self, Self::Draining),
        }
    }
}

/// Nanoseconds by phase. They do not overflow: 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PhaseTimes([u128; Phase::COUNT]);

impl PhaseTimes {
    /// Adds to one phase.
    #[inline]
    pub fn charge(&mut self, phase: Phase, nanos: u64) {
        self.0[phase as usize] += u128::from(nanos);
    }

    /// All phases together, nanoseconds.
    #[must_use]
    pub fn total(&self) -> u128 {
        self.0.iter().sum()
    }

    /// The phases in which somebody keeps the slot from others, nanoseconds.
    #[must_use]
    pub fn held(&self) -> u128 {
        Phase::ALL.into_iter().filter(|phase| phase.is_held()).map(|phase| self[phase]).sum()
    }

    /// The time in one phase, in seconds.
    #[must_use]
    pub fn seconds(&self, phase: Phase) -> f64 {
        seconds(self[phase])
    }

    /// Every phase with its nanoseconds.
    pub fn iter(&self) -> impl Iterator<Item = (Phase, u128)> {
        Phase::ALL.into_iter().zip(self.0)
    }

    /// Seconds by the phase's name.
    #[must_use]
    pub fn by_name(&self) -> std::collections::BTreeMap<&'static str, f64> {
        self.iter().map(|(phase, nanos)| (phase.as_str(), seconds(nanos))).collect()
    }

    fn zip(mut self, other: &Self, f: impl Fn(u128, u128) -> u128) -> Self {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = f(*mine, theirs);
        }
        self
    }
}

/// Nanoseconds by phase of one transaction on one connection: 64 bits last for 584 years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct WorkTimes([u64; Phase::COUNT]);

impl WorkTimes {
    /// Adds to one phase.
    #[inline]
    pub(super) fn charge(&mut self, phase: Phase, nanos: u64) {
        self.0[phase as usize] += nanos;
    }
}

/// Times of pools.
#[derive(Debug, Default)]
pub(super) struct PoolTimes {
    /// Since each pool was added.
    pools: Vec<PhaseTimes>,
    /// Of pools that are gone.
    gone: PhaseTimes,
}

impl PoolTimes {
    /// A pool begins, perhaps with the number of one that is gone.
    pub(super) fn add(&mut self, pool: PoolId) {
        let at = pool.0 as usize;
        if self.pools.len() <= at {
            self.pools.resize(at + 1, PhaseTimes::default());
        }
        self.gone += &std::mem::take(&mut self.pools[at]);
    }

    /// The times of a pool.
    #[inline]
    pub(super) fn of(&mut self, pool: PoolId) -> &mut PhaseTimes {
        self.pools.get_mut(pool.0 as usize).unwrap_or(&mut self.gone)
    }

    /// The times of a pool since it was added.
    pub(super) fn get(&self, pool: PoolId) -> PhaseTimes {
        self.pools.get(pool.0 as usize).copied().unwrap_or_default()
    }

    /// All of them, and of those that are gone.
    pub(super) fn total(&self) -> PhaseTimes {
        self.pools.iter().fold(self.gone, |sum, times| sum + times)
    }
}

impl From<WorkTimes> for PhaseTimes {
    fn from(times: WorkTimes) -> Self {
        Self(times.0.map(u128::from))
    }
}

/// Nanoseconds as seconds, for people: exact up to 2^53 ns, 104 days, then rounded.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "floating point is what is shown")]
pub(crate) fn seconds(nanos: u128) -> f64 {
    nanos as f64 / 1e9
}

/// Written as seconds by name.
impl serde::Serialize for PhaseTimes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.by_name().serialize(serializer)
    }
}

impl Index<Phase> for PhaseTimes {
    type Output = u128;

    fn index(&self, phase: Phase) -> &u128 {
        &self.0[phase as usize]
    }
}

impl AddAssign<&Self> for PhaseTimes {
    fn add_assign(&mut self, other: &Self) {
        *self = self.zip(other, |a, b| a + b);
    }
}

impl Add<&Self> for PhaseTimes {
    type Output = Self;

    fn add(self, other: &Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
}

/// What is left; zero where there was less. A class loses time when a late tag moves it.
impl Sub<&Self> for PhaseTimes {
    type Output = Self;

    fn sub(self, other: &Self) -> Self {
        self.zip(other, u128::saturating_sub)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_has_its_own_place_and_name() {
        for (at, phase) in Phase::ALL.into_iter().enumerate() {
            assert_eq!(phase as usize, at);
            let same = Phase::ALL.into_iter().filter(|other| other.as_str() == phase.as_str());
            assert_eq!(same.count(), 1, "{phase:?}");
        }
    }

    #[test]
    fn a_slot_enters_each_state_in_a_phase_that_fits_it() {
        let states = [
            State::Dialling,
            State::Abandoned,
            State::Idle,
            State::Active,
            State::Settling,
            State::Checking,
            State::Closing,
        ];
        for state in states {
            assert!(Phase::entering(state).fits(state), "{state:?}");
        }
    }
}
