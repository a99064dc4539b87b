//! Everything an operator may say about healing.

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
    /// Whether the dispatch may act on what it finds about any class, rather than only show it.
    #[must_use]
    pub fn enforces(&self, step: Step) -> bool {
        self.ladder.usual(step) == Mode::Enforce
    }
}
