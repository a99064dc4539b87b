//! Everything an operator may say about healing.

use crate::dispatch::Advises;

use super::exempt::Exemptions;
use super::guard::Envelope;
use super::ladder::{Ladder, Mode, Step};
use super::plan::Limits;

/// The rules of one pool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// The modes.
    pub ladder: Ladder,
    /// What counts as too long, and who may be a victim.
    pub limits: Limits,
    /// How much may be done.
    pub envelope: Envelope,
    /// Who is never touched.
    pub exempt: Exemptions,
}

impl Rules {
    /// What the dispatch may only show of classes without modes of their own.
    #[must_use]
    pub fn advises(&self) -> Advises {
        let shows = |step| self.ladder.usual(step) != Mode::Enforce;
        Advises { cap: shows(Step::Cap), shed: shows(Step::Shed) }
    }
}
