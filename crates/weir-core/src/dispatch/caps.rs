//! The controller's look, ten times a second while the pool is half full or more: which
//! classes got slow, whether that is theirs or everybody's, and what follows.
//!
//! A class is *to blame* when its transactions hold slots more than three times as long as usual
//! and more than twice as much beyond usual as those of the other classes, while others wait.
//! Its cap is cut by a fifth, by half when it also holds more than half of the pool, and in that
//! case it never has the last eighth of the pool, even before others wait. The cap grows
//! again by a tenth, at least one, while slots are to spare or the class is well again. When most
//! of the demand got slow, nobody is to blame and nobody is capped (GitLab's two indicators; the
//! figures are in `docs/inside/dispatch.md`).

use std::time::Duration;

use crate::time::Instant;

use super::class::{Class, UNLIMITED};
use super::explain::{Verdict, Why};
use super::queue::{Dispatch, STANDING};
use super::quick::LONG_MIN;
use super::waiters::Waiters;
use super::{Policy, queue};

/// Time between two looks.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Beyond its own usual, in percent.
const OWN_PERCENT: u64 = 300;
/// Beyond the peers, in percent of theirs.
const PEERS_PERCENT: u64 = 200;
/// What counts as slow when most of the demand is.
const COMMON_PERCENT: u64 = 200;
/// One in so many of the demand beside the largest slow class must be slow, too.
const OTHERS_SLOW: u64 = 4;
/// Well again.
const WELL_PERCENT: u64 = 150;
/// After everything was slow, nobody is blamed for as long: slow transactions of then still end.
const INNOCENT_FOR: Duration = Duration::from_secs(3);
/// Looks in a row before a class with most of the demand is to blame: the few others' long
/// transactions show late that everything is slow.
const LOOKS_MOST: u32 = 20;
/// Looks after a cut, and between two steps up, before the cap of a class that is still to blame
/// grows: it finds its level instead of swinging about it.
const LOOKS_AFTER_CUT: u32 = 20;
const LOOKS_BETWEEN: u32 = 5;
/// The wait of others that counts as suffering.
const SUFFERING: Duration = Duration::from_millis(50);
/// The deadline in a queue that is too long, at least.
pub(super) const DEADLINE: Duration = Duration::from_secs(1);
/// The same for a class to blame: what waits for it meanwhile may be the application's workers.
const DEADLINE_BLAMED: Duration = Duration::from_millis(500);
/// While no transaction ends, the queue tells nothing; but where one class is to blame, it may be
/// itself that keeps all from ending, and so not for longer than that.
const STALL_MAX: Duration = Duration::from_millis(500);

/// Looks in a row at which the queue of a class to blame must be too long before somebody is
/// refused. One alone may be the last of a stall.
const LOOKS_BEHIND_BLAMED: u32 = 2;
/// The same while nobody is to blame: it must also have grown all the time. What a stall of the
/// server left behind does not grow, nor does the queue of clients that each ask again when they
/// have been served, however few slots they have.
const LOOKS_BEHIND: u32 = 30;

/// A queue that is served in less is not too long any more, however long its first has waited; and
/// who leaves it sooner says nothing of it.
pub(super) const BACKLOG_MIN: Duration = Duration::from_millis(250);

/// Grants between two looks that tell the pace by themselves.
const GRANTS_MIN: u32 = 10;

/// What the pool looks like from outside the dispatch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slots {
    /// Ready for use.
    pub(crate) idle: u32,
    /// Taken in any state.
    pub(crate) open: u32,
}

/// What a look finds about the pool as a whole.
#[derive(Debug, Clone, Copy)]
struct Scene {
    slots: Slots,
    /// The queue is standing and everything is slow.
    common: bool,
    /// Everything is slow, or was just now.
    blameless: bool,
    /// Classes whose clients suffer.
    sufferers: usize,
    /// For how long no transaction has ended.
    still: Duration,
}

impl Dispatch {
    /// When the controller wants to look next; none while there is nothing to see.
    pub(crate) fn look_due(&self) -> Option<Instant> {
        let busy =
            self.is_tight() || !self.is_empty() || !self.level.is_open() || self.is_controlling();
        (busy && self.policy != Policy::Fifo && !self.frozen).then_some(self.look_at)
    }

    /// True when more than half of the slots are held.
    #[inline]
    pub(crate) const fn is_tight(&self) -> bool {
        self.held * 2 > self.size
    }

    /// There are no slots to decide about: whoever waits, waits longer.
    pub(crate) fn look_away(&mut self, now: Instant, waiters: &Waiters) {
        if now < self.look_at {
            return;
        }
        self.put_off(now);
        if self.policy == Policy::Fifo || self.frozen {
            return;
        }
        if self.is_standing(now, waiters) {
            self.stay_fair(now);
        }
        for class in &mut self.classes {
            class.account.roll(now);
            let oldest = class.waiting.front();
            class.note_growth(now, oldest.map(|at| now.since(waiters.at(at).since)));
        }
    }

    fn put_off(&mut self, now: Instant) {
        self.look_at = self.look_at.max(now + LOOK_EVERY);
    }

    /// True when somebody has waited longer than in the ripple of ordinary arrivals.
    fn is_standing(&self, now: Instant, waiters: &Waiters) -> bool {
        self.oldest().is_some_and(|oldest| now.since(waiters.at(oldest).since) >= STANDING)
    }

    fn is_controlling(&self) -> bool {
        self.classes.iter().any(|class| class.cap != UNLIMITED || class.overload.is_some())
    }

    /// Looks, if it is time.
    pub(crate) fn look(&mut self, now: Instant, waiters: &Waiters, slots: Slots) {
        if now < self.look_at || self.policy == Policy::Fifo || self.frozen {
            return;
        }
        self.put_off(now);
        let waited = |at: u32| now.since(waiters.at(at).since);
        let standing = self.is_standing(now, waiters);
        if standing {
            self.stay_fair(now);
        }
        self.measure(now);
        self.part_long_from_quick(now);
        let common = standing && self.is_common();
        self.common = common && self.policy == Policy::Fair;
        let oldest = self.oldest().map(waited);
        // Not before somebody is refused for it: of clients that ask again as soon as they are
        // served, the oldest would wait for ever.
        let limited = self.classes.iter().any(|class| class.overload.is_some());
        self.late = self.common && limited && oldest.is_some_and(|age| age >= DEADLINE);
        if self.common {
            self.innocent_until = now + INNOCENT_FOR;
        }
        let sufferers = self.active.iter().filter(|&&at| {
            let class = &self.classes[usize::from(at)];
            class.suffers(class.waiting.front().map(waited))
        });
        let blameless = now < self.innocent_until;
        let still = now.since(self.ended_at);
        let sufferers = sufferers.count();
        let scene = Scene { slots, common, blameless, sufferers, still };
        let mut late = false;
        for at in 0..self.classes.len() {
            let oldest = self.classes[at].waiting.front();
            late |= self.judge(now, at, oldest.map(waited), scene);
        }
        self.level.adapt(common, common && late);
    }

    /// Rolls all accounts and notes how inflated the classes with demand are.
    fn measure(&mut self, now: Instant) {
        self.scratch.clear();
        for (at, class) in self.classes.iter_mut().enumerate() {
            class.account.roll(now);
            let weight = class.account.demand();
            if let Some(percent) = class.inflation_percent().filter(|_| weight > 0) {
                self.scratch.push((percent, weight, queue::index(at)));
            }
        }
        self.scratch.sort_unstable();
    }

    /// True when most of the demand got slow, and not just one class with most of the demand.
    fn is_common(&self) -> bool {
        if self.policy == Policy::Codel {
            return true;
        }
        let all: u64 = self.scratch.iter().map(|&(_, weight, _)| weight).sum();
        let slow = self.scratch.iter().filter(|&&(percent, ..)| percent >= COMMON_PERCENT);
        let slow = slow.map(|&(_, weight, _)| weight);
        let (sum, largest) = slow.fold((0, 0), |(sum, most), one| (sum + one, one.max(most)));
        let others_too = (sum - largest) * OTHERS_SLOW >= all - largest;
        sum * 2 > all && (others_too || self.common)
    }

    /// How inflated the others are: the median by demand; the worst of them for a class that has
    /// most of the demand itself, as the few others prove little.
    fn peers_percent(&self, at: usize) -> Option<u64> {
        let own = queue::index(at);
        let others = || self.scratch.iter().filter(move |&&(_, _, place)| place != own);
        let weight: u64 = others().map(|&(_, weight, _)| weight).sum();
        if self.is_most(at) {
            return others().map(|&(percent, ..)| percent).max();
        }
        let mut sum = 0;
        let mut median = others().filter(|&&(_, share, _)| {
            sum += share;
            sum * 2 >= weight
        });
        median.next().map(|&(percent, ..)| percent)
    }

    /// Judges one class and acts. True when its clients wait beyond their deadline.
    fn judge(&mut self, now: Instant, at: usize, own_wait: Option<Duration>, scene: Scene) -> bool {
        let suspect = !scene.blameless && self.is_suspect(at);
        let class = &mut self.classes[at];
        class.stands_out = if suspect { class.stands_out.saturating_add(1) } else { 0 };
        let verdict = self.verdict(at, own_wait, scene);
        // What idles for the quick is not to spare for a long class.
        let keeps = self.classes[at].long && self.quick_here;
        let kept = if keeps { self.quick_reserve() } else { 0 };
        let roomy = scene.slots.idle > self.size / 8 + kept;
        let size = self.size;
        let (patience, hasty) = match self.policy {
            Policy::Codel => (STANDING, true),
            Policy::Fair | Policy::Fifo => (DEADLINE, false),
        };
        self.change(Self::place_at(at), |class| {
            class.verdict = verdict;
            class.steer(size, roomy);
            class.keep_pace(scene.still, hasty);
            class.note_growth(now, own_wait);
            class.overload = class.overloaded(own_wait, patience, hasty);
            let acts = class.overload.is_some() && !class.advised.shed;
            class.newest_first = acts && class.verdict.why != Why::Nothing;
        });
        own_wait.zip(self.classes[at].overload).is_some_and(|(wait, limit)| wait >= limit)
    }

    fn verdict(&self, at: usize, own_wait: Option<Duration>, scene: Scene) -> Verdict {
        let class = &self.classes[at];
        let others_wait = scene.sufferers > usize::from(class.suffers(own_wait));
        let hold = Duration::from_nanos(class.account.hold_nanos());
        let usual = class.baseline.usual_nanos().map(Duration::from_nanos);
        let peers_percent = self.peers_percent(at);
        let sure = usual.is_some() && !self.is_most(at);
        let enough = if sure { 1 } else { LOOKS_MOST };
        let blamed = class.stands_out >= enough;
        let held = class.account.held;
        let why = if blamed && held * 2 > scene.slots.open {
            Why::Dominant
        } else if blamed {
            Why::Inflated
        } else if class.account.is_deserted() {
            Why::Deserted
        } else if scene.common {
            Why::Common
        } else {
            Why::Nothing
        };
        let (waiting, slots) = (class.waiting.len(), scene.slots.open);
        Verdict { why, hold, usual, peers_percent, held, slots, waiting, others_wait }
    }

    /// True when the class holds slots longer than usual and than others, as far as this look
    /// can tell.
    fn is_suspect(&self, at: usize) -> bool {
        let class = &self.classes[at];
        if class.rules.exempt || self.policy != Policy::Fair {
            return false;
        }
        match class.inflation_percent() {
            Some(own) if own > OWN_PERCENT && class.is_still_slow() => {
                self.peers_percent(at).is_some_and(|peers| own * 100 > peers * PEERS_PERCENT)
            }
            Some(_) => false,
            None => class.long && class.account.held * 2 > self.size,
        }
    }

    /// True when the class has most of the demand.
    fn is_most(&self, at: usize) -> bool {
        let all: u64 = self.scratch.iter().map(|&(_, weight, _)| weight).sum();
        self.classes[at].account.demand() * 2 > all
    }
}

impl Class {
    /// True unless the slow transactions are over already, and only few came since.
    fn is_still_slow(&self) -> bool {
        let usual = self.baseline.usual_nanos().unwrap_or(0);
        let age = self.account.age_nanos();
        !self.account.is_sparse() || age * 100 >= usual * WELL_PERCENT
    }

    /// True when its clients wait long, and that is not its own doing.
    fn suffers(&self, wait: Option<Duration>) -> bool {
        !self.is_to_blame() && wait.is_some_and(|wait| wait >= SUFFERING)
    }

    /// True when it got slow and others did not.
    pub(super) const fn is_to_blame(&self) -> bool {
        matches!(self.verdict.why, Why::Inflated | Why::Dominant)
    }

    /// Moves the cap.
    fn steer(&mut self, size: u32, roomy: bool) {
        let held = self.account.held;
        let floor = (size / 2).clamp(1, 2).max(self.rules.minimum);
        let well = self.inflation_percent().is_none_or(|percent| percent < WELL_PERCENT)
            || !self.is_still_slow();
        let (tenths, most) = match self.verdict.why {
            Why::Dominant => (5, size.saturating_sub(size / 8 + 1)),
            Why::Inflated => {
                (8, if self.cap == UNLIMITED { size } else { size.saturating_sub(size / 8 + 1) })
            }
            Why::Nothing | Why::Common | Why::Deserted | Why::Hopeless | Why::Shed => (10, size),
        };
        self.rests = self.rests.saturating_sub(1);
        if tenths < 10 && self.verdict.others_wait {
            self.cap = self.cap.min(held.max(floor)) * tenths / 10;
            self.rests = LOOKS_AFTER_CUT;
        } else if self.cap != UNLIMITED && (roomy || well) && self.rests == 0 {
            self.cap += (self.cap / 10).max(1);
            self.rests = if well { 0 } else { LOOKS_BETWEEN };
        }
        self.cap = self.cap.min(most).max(floor);
        if self.cap >= size {
            self.cap = UNLIMITED;
        }
    }

    /// Notes whether those who wait are soon served, as grants go lately. A queue that stands
    /// still says nothing about that.
    /// While `hasty` a queue need not have grown.
    fn keep_pace(&mut self, still: Duration, hasty: bool) {
        let fresh = std::mem::take(&mut self.fresh_grants);
        self.pace = match fresh {
            0..GRANTS_MIN => Duration::from_nanos(self.account.grant_interval_nanos()),
            // What stood still and goes on is seen at once.
            GRANTS_MIN.. => LOOK_EVERY / fresh,
        };
        let blamed = self.is_to_blame();
        let limited = hasty || self.overload.is_some();
        let most = match (blamed, limited) {
            (true, _) => DEADLINE_BLAMED,
            (false, true) => BACKLOG_MIN,
            (false, false) => DEADLINE,
        };
        let outgrown =
            blamed || limited || self.account.is_outgrown() || self.account.is_deserted();
        if self.queue_time() < most || !outgrown {
            self.behind = 0;
        } else if still < LOOK_EVERY || (blamed && still >= STALL_MAX) {
            self.behind = self.behind.saturating_add(1);
        }
    }

    /// How long those who wait take, at the pace of the last look.
    pub(super) fn queue_time(&self) -> Duration {
        self.pace.saturating_mul(self.waiting.len())
    }

    /// True when nobody waits long in its queue but for what is over.
    const fn is_soon_served(&self, hasty: bool) -> bool {
        let soon = hasty || self.is_to_blame();
        self.behind < if soon { LOOKS_BEHIND_BLAMED } else { LOOKS_BEHIND }
    }

    /// The deadline while its queue is too long and something is wrong, at least `patience` when
    /// nobody is to blame; the last one while the queue is too long.
    fn overloaded(
        &self,
        own_wait: Option<Duration>,
        patience: Duration,
        hasty: bool,
    ) -> Option<Duration> {
        let wait = own_wait?;
        let grants = self.account.grant_interval_nanos();
        let (least, interval) = match self.verdict.why {
            // It is our cap that makes short transactions wait long.
            Why::Inflated | Why::Dominant if self.verdict.hold < LONG_MIN => return None,
            // The queue is short because of the limit.
            Why::Inflated | Why::Dominant if self.overload.is_some() => return self.overload,
            _ if self.is_soon_served(hasty) => return None,
            Why::Inflated | Why::Dominant => {
                (DEADLINE_BLAMED, grants.min(self.account.ask_interval_nanos()))
            }
            Why::Common | Why::Deserted => (patience, grants),
            Why::Nothing | Why::Hopeless | Why::Shed => return self.overload,
        };
        if wait < least || self.rules.exempt {
            return self.overload;
        }
        Some(least.max(Duration::from_nanos(interval) * 2))
    }
}
