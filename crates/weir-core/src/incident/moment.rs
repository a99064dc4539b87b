//! When something happened: one clock to measure with, one to tell people.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::console::calendar::utc;
use crate::time::Instant;

/// A moment of the calendar, milliseconds since 1970-01-01 UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Wall(pub u64);

impl Wall {
    /// RFC 3339 with milliseconds: `2026-01-31T23:59:59.123Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let text = utc(self.0 / 1000).replacen(' ', "T", 1);
        format!("{}.{:03}Z", text.trim_end_matches(" UTC"), self.0 % 1000)
    }

    /// The time of day, `23:59:59`, UTC.
    #[must_use]
    pub fn clock(self) -> String {
        utc(self.0 / 1000).get(11..19).unwrap_or_default().to_owned()
    }

    /// Digits for names: `20260131-235959`.
    #[must_use]
    pub fn digits(self) -> String {
        let digits: String =
            utc(self.0 / 1000).chars().filter(char::is_ascii_digit).take(14).collect();
        let (day, time) = digits.split_at(digits.len().min(8));
        format!("{day}-{time}")
    }

    /// The time from `earlier` to `self`; zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Wall {
    /// `2026-01-31 23:59:59 UTC`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&utc(self.0 / 1000))
    }
}

/// One moment on both clocks. All waits are measured with `mono`, which nobody sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    /// The clock of this process.
    pub mono: Instant,
    /// The calendar.
    pub wall: Wall,
}

impl Moment {
    /// The calendar time of a later (or earlier) moment of the same process, as if nobody had set
    /// the clock in between. Times of one incident are counted from its opening by this, so that
    /// they stay in order.
    #[must_use]
    pub fn wall_at(self, mono: Instant) -> Wall {
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let later = self.wall.0.saturating_add(millis(mono.since(self.mono)));
        Wall(later.saturating_sub(millis(self.mono.since(mono))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_for_people_and_for_machines() {
        let wall = Wall(951_868_799_042);
        assert_eq!(wall.to_string(), "2000-02-29 23:59:59 UTC");
        assert_eq!(wall.rfc3339(), "2000-02-29T23:59:59.042Z");
        assert_eq!(
            (wall.clock().as_str(), wall.digits().as_str()),
            ("23:59:59", "20000229-235959")
        );
    }

    #[test]
    fn a_clock_that_is_set_does_not_disorder_an_incident() {
        let opened = Moment { mono: Instant::from_millis(5_000), wall: Wall(100_000) };
        assert_eq!(opened.wall_at(Instant::from_millis(7_500)), Wall(102_500));
        assert_eq!(opened.wall_at(Instant::from_millis(4_000)), Wall(99_000));
    }
}
