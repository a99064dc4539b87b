//! Who has most of a pool, and what most of that does.

use std::fmt;
use std::sync::Arc;

use super::book::Ledger;
use super::phase::Phase;
use crate::ids::PoolId;

/// The class that holds most server connections of a pool. Shown, a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopHolder {
    /// Its name.
    pub route: Arc<str>,
    /// Server connections it holds.
    pub held: u32,
    /// Server connections that anybody holds.
    pub of: u32,
    /// What most of its own do.
    pub phase: Phase,
    /// How many of them.
    pub in_phase: u32,
}

impl Ledger {
    /// Who holds most server connections of a pool; none while nobody holds any. Takes time with
    /// the server connections of all pools: for refusals, not for every transaction.
    #[must_use]
    pub fn top_holder(&self, pool: PoolId) -> Option<TopHolder> {
        let held = self
            .accounts
            .iter()
            .filter(|account| account.live && account.pool == pool && account.phase.is_held());
        let mut pairs: Vec<(u32, Phase)> = held.map(|one| (one.class, one.phase)).collect();
        pairs.sort_unstable();
        let most = pairs.chunk_by(|a, b| a.0 == b.0).max_by_key(|chunk| chunk.len())?;
        let phase = most.chunk_by(|a, b| a == b).max_by_key(|chunk| chunk.len())?;
        let count = |all: &[(u32, Phase)]| u32::try_from(all.len()).unwrap_or(u32::MAX);
        Some(TopHolder {
            route: Arc::clone(&self.names.get(most[0].0).label),
            held: count(most),
            of: count(&pairs),
            phase: phase[0].1,
            in_phase: count(phase),
        })
    }
}

impl fmt::Display for TopHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { route, held, of, phase, in_phase } = self;
        let doing = match phase {
            Phase::Executing => "run a statement",
            Phase::IdleInTransaction => "wait for their application inside a transaction",
            Phase::ClientBlocked => "wait for their client to read",
            Phase::CopyIn => "wait for the data of a COPY",
            Phase::PinnedIdle => "are kept for a session",
            Phase::Resetting => "are being cleaned",
            Phase::Connecting | Phase::Idle | Phase::CancelSettling | Phase::Draining => {
                phase.as_str()
            }
        };
        write!(
            f,
            "{held} of the {of} that are held belong to \"{route}\"; {in_phase} of these {doing}."
        )
    }
}
