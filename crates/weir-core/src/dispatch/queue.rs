//! The wait queue of one pool: who is next.

use std::sync::Arc;
use std::time::Duration;

use crate::arena::List;
use crate::config::limits::DISPATCH_CLASSES;
use crate::ids::{ClassId, PoolId, Ticket};
use crate::time::Instant;

use super::baseline::Baseline;
use super::caps::BACKLOG_MIN;
use super::claim::{Advises, Claim, ClassRules, Policy};
use super::class::{Class, UNLIMITED};
use super::shed::Level;
use super::waiters::{Waiter, Waiters};

/// How long somebody must have waited for the queue to be *standing*, rather than the ripple of
/// ordinary arrivals (CoDel's interval; Nichols and Jacobson 2012).
pub(super) const STANDING: Duration = Duration::from_millis(100);

/// How long the order stays fair after a standing queue.
const FAIR_FOR: Duration = Duration::from_secs(1);

/// One grant in so many goes to whoever is next, also while those who have missed their time come
/// last: they get on, too.
const MISSED_SHARE: u32 = 16;

/// A class in the dispatch of one pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(u16);

impl Place {
    /// Every claim, where the policy knows no classes.
    const ALL: Self = Self(0);
    /// Claims without a name, and those of classes beyond the bound.
    const SHARED: Self = Self(1);
    const UNKNOWN: Self = Self(u16::MAX);

    pub(super) const fn at(self) -> usize {
        self.0 as usize
    }
}

/// The classes, caps and waiting clients of one pool. The clients themselves are in [`Waiters`].
#[derive(Debug)]
pub(crate) struct Dispatch {
    pub(super) policy: Policy,
    pub(super) classes: Vec<Class>,
    /// Places by [`ClassId`].
    places: Vec<Place>,
    /// Places of classes with waiting clients.
    pub(super) active: Vec<u16>,
    /// All waiting clients, the oldest first.
    pub(super) arrivals: List,
    /// Waiting clients that the limits of their classes let in.
    eligible: u32,
    /// Slots kept for classes with a minimum.
    pub(super) minimums: u32,
    /// When a class asked last that is not long.
    pub(super) quick_at: Instant,
    /// That was lately.
    pub(super) quick_here: bool,
    /// There are slots that not everybody may take.
    pub(super) guarded: bool,
    /// Slots held by clients.
    pub(super) held: u32,
    /// Most slots of the pool.
    pub(super) size: u32,
    /// Until when classes are served by occupancy.
    fair_until: Instant,
    /// The next look of the controller.
    pub(super) look_at: Instant,
    /// Everything is slow: who matters more is served first, whatever it holds.
    pub(super) common: bool,
    /// The same, and somebody has waited too long: the newest is served first.
    pub(super) late: bool,
    /// When a transaction ended last.
    pub(super) ended_at: Instant,
    /// Until when nobody is blamed, because everything was slow.
    pub(super) innocent_until: Instant,
    /// Grants that were chosen.
    turns: u32,
    /// Operators have stopped the controller.
    pub(super) frozen: bool,
    /// What the controller only shows of classes of which nothing else is said.
    pub(super) advises: Advises,
    pub(super) level: Level,
    /// Inflations and demands, for the controller's look.
    pub(super) scratch: Vec<(u64, u64, u16)>,
    /// Hold times and demands, likewise.
    pub(super) holds: Vec<(u64, u64)>,
}

impl Dispatch {
    pub(crate) fn new(policy: Policy, size: u32) -> Self {
        Self {
            policy,
            classes: [Place::ALL, Place::SHARED].map(|_| Class::new(ClassId(0))).into(),
            places: vec![Place::SHARED],
            active: Vec::with_capacity(2),
            arrivals: List::EMPTY,
            eligible: 0,
            minimums: 0,
            quick_at: Instant::ZERO,
            quick_here: false,
            guarded: false,
            held: 0,
            size,
            fair_until: Instant::ZERO,
            look_at: Instant::ZERO,
            common: false,
            late: false,
            ended_at: Instant::ZERO,
            innocent_until: Instant::ZERO,
            turns: 0,
            frozen: false,
            advises: Advises::default(),
            level: Level::default(),
            scratch: Vec::new(),
            holds: Vec::new(),
        }
    }

    /// Changes policy and size. Clients that wait stay in the classes they have.
    pub(crate) fn reconfigure(&mut self, policy: Policy, size: u32) {
        self.size = size;
        if self.policy != policy {
            self.policy = policy;
            self.fair_until = Instant::ZERO;
            self.acquit_all();
            for at in 0..self.classes.len() {
                let unbound = policy != Policy::Fair;
                self.change(Self::place_at(at), |class| class.unbound = unbound);
            }
        }
    }

    /// The place of a class.
    #[inline]
    pub(crate) fn place(&mut self, class: ClassId) -> Place {
        match self.policy {
            Policy::Fair => self.named(class),
            Policy::Fifo | Policy::Codel => Place::ALL,
        }
    }

    /// The place of a class, whatever the policy.
    #[inline]
    pub(super) fn named(&mut self, class: ClassId) -> Place {
        match self.places.get(class.0 as usize) {
            Some(&place) if place != Place::UNKNOWN => place,
            Some(_) | None => self.settle_in(class),
        }
    }

    /// Gives a class a place when it is first seen.
    #[cold]
    fn settle_in(&mut self, class: ClassId) -> Place {
        let at = class.0 as usize;
        if at >= DISPATCH_CLASSES {
            return Place::SHARED;
        }
        if self.places.len() <= at {
            self.places.resize(at + 1, Place::UNKNOWN);
        }
        let own = |one: &Class| one.id == class && one.group.is_none();
        // The first two are not of one class alone.
        let place = match self.classes.iter().skip(2).position(own) {
            Some(known) => Self::place_at(known + 2),
            None => self.add(Class::new(class)),
        };
        self.places[at] = place;
        place
    }

    fn add(&mut self, mut fresh: Class) -> Place {
        let place = Self::place_at(self.classes.len());
        fresh.unbound = self.policy != Policy::Fair;
        fresh.advised = self.advises;
        self.classes.push(fresh);
        self.active.reserve(self.classes.len());
        place
    }

    /// What an operator says about a class.
    pub(crate) fn set_rules(&mut self, class: ClassId, rules: ClassRules) {
        let place = self.named(class);
        self.rule(place, rules);
    }

    /// The claims of `class` belong to the class that an operator calls `group` from now on, or
    /// are a class of their own. Those that wait stay where they are.
    pub(crate) fn assign(&mut self, class: ClassId, group: Option<(&Arc<str>, ClassRules)>) {
        let before = self.named(class);
        if before == Place::SHARED {
            return;
        }
        let at = class.0 as usize;
        let Some((name, rules)) = group else {
            self.places[at] = Place::UNKNOWN;
            self.named(class);
            return;
        };
        let known = self.classes.iter().position(|one| one.group.as_ref() == Some(name));
        let place = match known {
            Some(known) => Self::place_at(known),
            None => self.add(Class { group: Some(Arc::clone(name)), ..Class::new(class) }),
        };
        self.places[at] = place;
        self.rule(place, rules);
    }

    /// The number of a class stands for another one from now on: nothing is known of it.
    pub(crate) fn renamed(&mut self, class: ClassId) {
        self.assign(class, None);
        let own = self.named(class);
        self.classes[own.at()].baseline = Baseline::default();
        self.change(own, Class::acquit);
    }

    /// An operator's classes are said anew: those of before have no rules any more.
    pub(crate) fn lift_groups(&mut self) {
        for at in 0..self.classes.len() {
            if self.classes[at].group.is_some() {
                self.rule(Self::place_at(at), ClassRules::default());
            }
        }
    }

    fn rule(&mut self, place: Place, rules: ClassRules) {
        self.minimums -= self.classes[place.at()].rules.minimum;
        self.minimums += rules.minimum;
        self.guarded |= self.minimums > 0;
        let advised = rules.advises.unwrap_or(self.advises);
        self.change(place, |class| {
            class.rules = rules;
            class.advised = advised;
        });
    }

    /// Waiting clients.
    #[inline]
    pub(crate) const fn len(&self) -> u32 {
        self.arrivals.len()
    }

    /// True when nobody waits.
    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }

    /// Waiting clients that the limits of their classes let in.
    #[inline]
    pub(crate) const fn eligible(&self) -> u32 {
        self.eligible
    }

    /// The client that has waited longest.
    #[inline]
    pub(crate) fn oldest(&self) -> Option<u32> {
        self.arrivals.front()
    }

    /// All waiting clients, the oldest first.
    pub(crate) const fn arrivals(&self) -> &List {
        &self.arrivals
    }

    /// True when a class may take a slot that nobody waits for.
    #[inline]
    pub(crate) fn admits(&self, place: Place) -> bool {
        self.classes[place.at()].room() > 0 && (!self.guarded || self.leaves_guarded(place))
    }

    fn leaves_guarded(&self, place: Place) -> bool {
        let advised = self.classes[place.at()].advised.cap;
        self.leaves_minimums(place) && (advised || self.leaves_quick(place))
    }

    /// True when the slots left after this one suffice for the other classes' minimums.
    fn leaves_minimums(&self, place: Place) -> bool {
        let owed: u32 = self.classes.iter().map(Class::owed).sum();
        let others = owed - self.classes[place.at()].owed();
        self.classes[place.at()].owed() > 0 || self.size.saturating_sub(self.held) > others
    }

    /// A transaction of that class asks for a slot. `idle`: there is one that nobody waits for.
    /// True when it takes that one.
    #[inline]
    pub(crate) fn asked(&mut self, now: Instant, place: Place, idle: bool) -> bool {
        let idle = idle && (!self.guarded || self.leaves_guarded(place));
        let class = &mut self.classes[place.at()];
        class.account.roll(now);
        class.account.ask();
        if !class.long {
            self.quick_at = now;
        }
        let takes = idle && class.room() > 0;
        if takes {
            self.held += 1;
            self.eligible -= class.take();
        }
        takes
    }

    /// A client waits from now on.
    pub(crate) fn join(
        &mut self,
        waiters: &mut Waiters,
        (pool, place): (PoolId, Place),
        claim: Claim,
        now: Instant,
    ) -> Ticket {
        let class = &mut self.classes[place.at()];
        let before = class.eligible();
        if class.waiting.is_empty() {
            class.active_at = self.active.len();
            self.active.push(place.0);
        }
        let lists = (&mut self.arrivals, &mut class.waiting);
        let ticket = waiters.push(lists, (pool, place), claim, now);
        self.eligible += class.eligible() - before;
        ticket
    }

    /// A client waits no longer.
    pub(crate) fn remove(&mut self, waiters: &mut Waiters, at: u32) -> (Ticket, Waiter) {
        let place = waiters.at(at).place;
        let class = &mut self.classes[place.at()];
        let before = class.eligible();
        if class.missed == Some(at) {
            class.missed = waiters.before(at);
        }
        let removed = waiters.remove((&mut self.arrivals, &mut class.waiting), at);
        self.eligible -= before - class.eligible();
        if class.waiting.is_empty() {
            let gap = class.active_at;
            self.active.swap_remove(gap);
            if let Some(&moved) = self.active.get(gap) {
                self.classes[usize::from(moved)].active_at = gap;
            }
        }
        removed
    }

    /// A client left the queue by itself after it had waited so long. Who leaves soon says nothing
    /// of the queue.
    pub(crate) fn gave_up(&mut self, place: Place, waited: Duration) {
        if waited >= BACKLOG_MIN {
            self.classes[place.at()].account.give_up();
        }
    }

    /// The waiting client to be served next, if limits let anybody in.
    #[inline]
    pub(crate) fn next(&mut self, now: Instant, waiters: &Waiters) -> Option<u32> {
        if self.eligible == 0 {
            return None;
        }
        if self.is_calm(now) && self.eligible == self.arrivals.len() && !self.guarded {
            return self.arrivals.front();
        }
        self.choose(now, waiters)
    }

    /// Of the classes that may take a slot the one with the least burden, of equal ones the one
    /// whose client came first. While everything is slow the most critical, of equal ones the one
    /// whose client came first; or last, once somebody has waited too long.
    fn choose(&mut self, now: Instant, waiters: &Waiters) -> Option<u32> {
        let calm = self.is_calm(now);
        self.turns = self.turns.wrapping_add(1);
        let fair = !self.late && self.policy == Policy::Fair;
        let sorts = fair && !self.turns.is_multiple_of(MISSED_SHARE);
        let mut best: Option<(u64, u64, u64, u32)> = None;
        for at in 0..self.active.len() {
            let place = Place(self.active[at]);
            if !self.admits(place) {
                continue;
            }
            let class = &mut self.classes[place.at()];
            let timely = if sorts { class.timely(now, waiters) } else { None };
            let head = if self.late { class.waiting.back() } else { timely.or(class.next()) };
            let Some(head) = head else { continue };
            let missed = u64::from(sorts && timely.is_none() && class.sorts(now));
            let turn = waiters.at(head).turn;
            let (first, second, turn) = match (calm, self.common) {
                _ if class.owed() > 0 => (0, 0, turn),
                (true, _) => (1, missed, turn),
                (false, true) if self.late => (class.rank(), 0, u64::MAX - turn),
                (false, true) => (class.rank(), missed, turn),
                (false, false) => (1 + missed, class.burden(now), turn),
            };
            let choice = (first, second, turn, head);
            best = Some(best.map_or(choice, |other| other.min(choice)));
        }
        best.map(|(.., head)| head)
    }

    /// A waiting client of that class holds a slot from now on.
    #[inline]
    pub(crate) fn took(&mut self, now: Instant, place: Place) {
        self.held += 1;
        let class = &mut self.classes[place.at()];
        class.account.grant();
        class.fresh_grants += 1;
        class.account.roll(now);
        self.eligible -= class.take();
    }

    /// A slot held since `since` is given back.
    #[inline]
    pub(crate) fn gave_back(&mut self, now: Instant, place: Place, since: Instant) {
        let frozen = !self.is_calm(now);
        self.held = self.held.saturating_sub(1);
        self.ended_at = now;
        let class = &mut self.classes[place.at()];
        class.account.roll(now);
        class.baseline.note(now, now.nanos_since(since), frozen || class.cap != UNLIMITED);
        self.eligible += class.give_back(since);
    }

    /// True while nobody has waited long lately: the order is that of arrival.
    #[inline]
    pub(super) fn is_calm(&self, now: Instant) -> bool {
        self.fair_until <= now
    }

    /// A standing queue was seen.
    pub(super) fn stay_fair(&mut self, now: Instant) {
        self.fair_until = now + FAIR_FOR;
    }

    /// Changes a class and keeps count of who is let in.
    pub(super) fn change(&mut self, place: Place, how: impl FnOnce(&mut Class)) {
        let class = &mut self.classes[place.at()];
        let before = class.eligible();
        how(class);
        self.eligible = self.eligible - before + class.eligible();
    }

    pub(super) fn acquit_all(&mut self) {
        for at in 0..self.classes.len() {
            self.change(Self::place_at(at), Class::acquit);
        }
        self.level = Level::default();
        self.common = false;
        self.late = false;
        self.guarded = self.minimums > 0;
    }

    pub(super) fn place_at(at: usize) -> Place {
        Place(u16::try_from(at).unwrap_or(0))
    }
}

/// A place as a number, for notes.
pub(super) fn index(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}
