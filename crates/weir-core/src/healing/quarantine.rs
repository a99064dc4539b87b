//! A class that is let in one at a time until it is well.

use std::time::Duration;

use crate::time::Instant;

/// The first quarantine; each that follows a failed probe is twice as long.
const FIRST: Duration = Duration::from_secs(1);
/// The longest.
const LONGEST: Duration = Duration::from_secs(60);
/// Probes in a row that must be well.
const PROBES: u32 = 3;

/// What happens to a claim of the class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is let in, and its end decides how it goes on.
    Probe,
    /// It is refused; the next probe comes after this time.
    Refused(Duration),
    /// The quarantine is over.
    Free,
}

/// One class, or one statement, in quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quarantine {
    span: Duration,
    until: Instant,
    probing: bool,
    well: u32,
}

impl Quarantine {
    /// A quarantine that begins at `now`.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { span: FIRST, until: now + FIRST, probing: false, well: 0 }
    }

    /// A claim comes.
    pub fn admit(&mut self, now: Instant) -> Admission {
        if self.is_over() {
            return Admission::Free;
        }
        if self.probing || now < self.until {
            return Admission::Refused(self.until.since(now));
        }
        self.probing = true;
        Admission::Probe
    }

    /// The probe ended: `well` when it held its slot about as long as usual. A probe that was lost
    /// counts as not well.
    pub fn probed(&mut self, now: Instant, well: bool) {
        self.probing = false;
        if well {
            self.well += 1;
            self.until = now;
        } else {
            self.well = 0;
            self.span = (self.span * 2).min(LONGEST);
            self.until = now + self.span;
        }
    }

    /// The probe never had a slot, so it says nothing; the next claim is one.
    pub const fn withdrawn(&mut self) {
        self.probing = false;
    }

    /// Enough probes were well.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.well >= PROBES
    }

    /// A probe is under way.
    #[must_use]
    pub const fn is_probing(&self) -> bool {
        self.probing
    }

    /// Nobody is let in before.
    #[must_use]
    pub const fn until(&self) -> Instant {
        self.until
    }

    /// Probes in a row that were well, of three.
    #[must_use]
    pub const fn well(&self) -> u32 {
        self.well
    }
}
