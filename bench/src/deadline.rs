//! When a cell counts as stuck.

use std::time::{Duration, Instant};

/// The end of a cell's time. Everything that waits in it waits until then at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Instant);

/// The least that is left of it, also afterwards: to the kernel, no time is no limit.
const LEFT_MIN: Duration = Duration::from_millis(1);

impl Deadline {
    /// So much time from now on.
    pub(crate) fn after(limit: Duration) -> Self {
        Self(Instant::now() + limit)
    }

    /// What is left, at least a millisecond.
    pub(crate) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now()).max(LEFT_MIN)
    }

    pub(crate) fn has_passed(self) -> bool {
        self.0 <= Instant::now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_left_even_afterwards() {
        let over = Deadline::after(Duration::ZERO);
        assert!(over.has_passed());
        assert_eq!(over.left(), LEFT_MIN);
        assert!(!Deadline::after(Duration::from_secs(600)).has_passed());
    }
}
