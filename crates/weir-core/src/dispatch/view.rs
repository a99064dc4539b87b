//! What can be seen of the dispatch from outside, and what an operator may do to it.

use std::sync::Arc;
use std::time::Duration;

use crate::ids::ClassId;
use crate::time::Instant;

use super::claim::{Advises, ClassRules};
use super::class::{Class, UNLIMITED};
use super::explain::Verdict;
use super::queue::Dispatch;

/// One class in one pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassView {
    /// The class; zero stands for all without a place of their own. Of an operator's class the
    /// first that was seen.
    pub class: ClassId,
    /// The name an operator gave it.
    pub group: Option<Arc<str>>,
    /// Slots it holds.
    pub held: u32,
    /// Its waiting clients.
    pub waiting: u32,
    /// Most slots it may hold now, by cap, command or ceiling; none is no limit.
    pub limit: Option<u32>,
    /// It may take a slot that idles.
    pub admitted: bool,
    /// The controller's cap.
    pub cap: Option<u32>,
    /// While overloaded: the newest is served first, and who waits longer than this is refused.
    pub deadline: Option<Duration>,
    /// The usual hold time; none while too little was seen.
    pub usual: Option<Duration>,
    /// What an operator said about it.
    pub rules: ClassRules,
    /// What the controller last saw.
    pub verdict: Verdict,
}

impl Dispatch {
    /// The classes seen so far.
    pub(crate) fn views(&self) -> impl Iterator<Item = ClassView> {
        let seen = |class: &&Class| {
            class.id != ClassId(0) || !class.account.is_blank() || !class.waiting.is_empty()
        };
        let seen = self.classes.iter().enumerate().filter(move |(_, class)| seen(class));
        seen.map(|(at, class)| ClassView {
            class: class.id,
            group: class.group.clone(),
            held: class.account.held,
            waiting: class.waiting.len(),
            limit: Some(class.limit()).filter(|&limit| limit != UNLIMITED),
            admitted: self.admits(Self::place_at(at)),
            cap: Some(class.cap).filter(|&cap| cap != UNLIMITED),
            deadline: class.overload,
            usual: class.baseline.usual_nanos().map(Duration::from_nanos),
            rules: class.rules,
            verdict: class.verdict,
        })
    }

    /// CAP: most slots of a class until told otherwise; none lifts it.
    pub(crate) fn cap(&mut self, class: ClassId, cap: Option<u32>) {
        let place = self.named(class);
        self.change(place, |class| class.manual_cap = cap.unwrap_or(UNLIMITED));
    }

    /// What the controller only shows from now on, of classes of which nothing else is said.
    pub(crate) fn advise(&mut self, advises: Advises) {
        if self.advises == advises {
            return;
        }
        self.advises = advises;
        for at in 0..self.classes.len() {
            self.change(Self::place_at(at), |class| {
                class.advised = class.rules.advises.unwrap_or(advises);
            });
        }
    }

    /// FREEZE and UNFREEZE: while frozen the controller does nothing, and what it did is lifted.
    pub(crate) fn freeze(&mut self, frozen: bool) {
        self.frozen = frozen;
        if frozen {
            self.acquit_all();
        }
    }

    /// True when somebody has waited long lately, so that classes are served by what they hold.
    pub(crate) fn is_fair(&self, now: Instant) -> bool {
        !self.is_calm(now)
    }

    /// True when slots are kept for some classes.
    pub(crate) fn is_guarded(&self) -> bool {
        self.guarded
    }
}
