//! Who is turned away at the door when everything is slow and no class is to blame.
//!
//! Claims have a priority: the criticality of their class, then a hash of their user. A level
//! rises while clients are refused for waiting too long and falls when none is; claims below it
//! are refused at once. So a user's whole journey is admitted or refused, rather than each step
//! by chance (DAGOR; Zhou et al. 2018). The hash turns every hour, so that it is not always the
//! same users who suffer.

use crate::time::Instant;

use super::claim::Criticality;

/// Priorities within one criticality.
const USERS: u32 = 128;
/// Step up: a twentieth of the users of one criticality.
const UP: u32 = 6;
/// Step down: a hundredth.
const DOWN: u32 = 1;
/// No higher: what is critical is never turned away.
const TOP: u32 = 2 * USERS - 1;

const HOUR_NANOS: u64 = 3_600_000_000_000;

/// The priority a claim needs to be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Level(u32);

impl Level {
    /// One look of the controller: `slow` while everything is slow, `suffering` when somebody was
    /// refused for waiting too long.
    pub(super) fn adapt(&mut self, slow: bool, suffering: bool) {
        self.0 = match (slow, suffering) {
            (true, true) => (self.0 + UP).min(TOP),
            (true, false) => self.0.saturating_sub(DOWN),
            (false, _) => self.0 / 2,
        };
    }

    /// True when nobody is turned away.
    pub(super) const fn is_open(self) -> bool {
        self.0 == 0
    }

    /// True when a claim of that `criticality` and `user` (0: unknown) is let in.
    pub(super) fn admits(self, now: Instant, criticality: Criticality, user: u32) -> bool {
        self.is_open() || priority(now, criticality, user) >= self.0
    }
}

/// A claim without a user ranks above all users of its criticality: chance would be no journey.
fn priority(now: Instant, criticality: Criticality, user: u32) -> u32 {
    let base = USERS * criticality as u32;
    if user == 0 {
        return base + USERS - 1;
    }
    let hour = u32::try_from(now.as_nanos() / HOUR_NANOS).unwrap_or(u32::MAX);
    let mixed = (user ^ hour.wrapping_mul(0x9e37_79b9)).wrapping_mul(0x85eb_ca6b);
    base + (mixed >> 16) % USERS
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn level(value: u32) -> Level {
        Level(value)
    }

    #[test]
    fn criticality_comes_before_users() {
        let now = Instant::ZERO;
        for user in 1..1_000 {
            assert!(!level(128).admits(now, Criticality::Sheddable, user));
            assert!(level(128).admits(now, Criticality::Normal, user));
            assert!(level(TOP).admits(now, Criticality::Critical, user));
        }
        assert!(level(TOP).admits(now, Criticality::Normal, 0), "who names no user is let in");
    }

    #[test]
    fn half_the_users_are_let_in_whole() {
        let admitted = |now| {
            (1..=10_000u32)
                .filter(|&user| level(192).admits(now, Criticality::Normal, user * 7919))
                .collect::<Vec<_>>()
        };
        let first = admitted(Instant::ZERO);
        assert!((4_000..6_000).contains(&first.len()), "{}", first.len());
        assert_eq!(first, admitted(Instant::from_millis(1_000_000)), "a journey is not torn");
        assert_ne!(first, admitted(Instant::from_millis(4_000_000)), "others have their turn");
    }

    #[test]
    fn the_level_rises_fast_and_falls_slowly() {
        let mut level = Level::default();
        for _ in 0..10 {
            level.adapt(true, true);
        }
        assert_eq!(level, Level(60));
        for _ in 0..59 {
            level.adapt(true, false);
        }
        assert!(!level.is_open());
        level.adapt(true, false);
        assert!(level.is_open());
        let mut level = Level(TOP);
        for _ in 0..8 {
            level.adapt(false, false);
        }
        assert!(level.is_open(), "it opens soon when the trouble is over");
    }
}
