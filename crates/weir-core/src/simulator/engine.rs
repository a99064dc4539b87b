//! What happens when.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::healing::Rules;
use crate::ids::{ClientId, DialId, PoolId, ServerId};
use crate::pool::{Chance, DialError, Effect, Fault, PoolView, Pools, Refusal, ServerView, State};
use crate::time::Instant;

use super::attempt::Attempt;
use super::draw::exponential;
use super::ladder::{Ladder, enforcing};
use super::outcome::{Journey, Outcome};
use super::plan::{ClassPlan, Plan, Present};
use super::rule::Rule;
use super::site::{Application, Database};

/// Time to open a server connection and log in.
const LOGIN: Duration = Duration::from_millis(5);
/// Caps are looked at this often.
const SAMPLE: Duration = Duration::from_millis(100);
/// How long the world goes on after the last request.
const AFTERWARDS: Duration = Duration::from_secs(20);
/// A class whose rate is nil looks again after this time.
const QUIET: Duration = Duration::from_millis(100);

/// Something that will happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// A request of that class comes, the next of its kind.
    Arrive(usize),
    /// A journey's next attempt.
    Send(u32),
    /// The client of an attempt has waited long enough.
    Patience(u32),
    /// The statement of an attempt is over.
    Executed(u32),
    /// The outside call of an attempt is over.
    Called(u32),
    /// The idle killer's limit.
    Kill(u32),
    /// The answer to a dial of a proxy.
    Answer(usize, u32),
    /// PostgreSQL goes away.
    Down,
    /// The application is restarted.
    Restart,
    /// A look at the caps.
    Sample,
}

/// One proxy with its pool.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) pools: Pools,
    pub(super) pool: PoolId,
}

/// A quantity that falls and grows.
#[derive(Debug, Clone, Copy, Default)]
struct Tide {
    /// It fell last, or else it grew.
    ebbs: bool,
    /// The lowest since it fell, or else the highest since it grew.
    mark: u32,
}

impl Tide {
    /// True when it begins to fall: it is at half or less of what it had grown to.
    fn turns(&mut self, now: u32) -> bool {
        self.mark = if self.ebbs { self.mark.min(now) } else { self.mark.max(now) };
        let turns = if self.ebbs { now >= self.mark * 2 } else { now * 2 <= self.mark };
        if turns {
            (self.ebbs, self.mark) = (!self.ebbs, now);
        }
        turns && self.ebbs
    }
}

/// One world at one moment.
#[derive(Debug)]
pub(super) struct Simulation<'plan> {
    pub(super) plan: &'plan Plan,
    pub(super) rule: Rule,
    pub(super) now: Instant,
    events: BinaryHeap<Reverse<(Instant, u64, Event)>>,
    scheduled: u64,
    arrivals: Vec<Chance>,
    /// When the pools' controllers looked last.
    looked: Instant,
    pub(super) proxies: Vec<Proxy>,
    pub(super) application: Application,
    pub(super) database: Database,
    pub(super) journeys: Vec<Journey>,
    pub(super) attempts: Vec<Attempt>,
    /// The healing ladder of each proxy.
    pub(super) ladders: Vec<Ladder>,
    /// Its rules.
    pub(super) rules: Rules,
    /// The names of the classes.
    pub(super) routes: Vec<Arc<str>>,
    /// Requests the application turns to now.
    pub(super) turn_to: VecDeque<u32>,
    /// The cap of each class and proxy, as it moves.
    tides: Vec<Tide>,
    pub(super) outcome: Outcome,
}

/// Plays a plan under a rule to its end.
#[must_use]
pub fn play(plan: &Plan, rule: Rule) -> Outcome {
    let mut world = Simulation::new(plan, rule);
    world.run();
    let mut outcome = world.outcome;
    outcome.sum_up(plan, &world.journeys);
    outcome
}

impl<'plan> Simulation<'plan> {
    fn new(plan: &'plan Plan, rule: Rule) -> Self {
        let classes = 0..plan.classes.len();
        let stream = |class| Chance::new(plan.seed.wrapping_add(class as u64 * 7919));
        let mut world = Self {
            plan,
            rule,
            now: Instant::ZERO,
            events: BinaryHeap::new(),
            scheduled: 0,
            arrivals: classes.clone().map(stream).collect(),
            looked: Instant::ZERO,
            proxies: (0..plan.proxies).map(|at| proxy(plan, rule, at)).collect(),
            application: Application::new(plan.workers),
            database: Database::new(plan.knee),
            journeys: Vec::new(),
            attempts: Vec::new(),
            ladders: (0..plan.proxies).map(|_| Ladder::default()).collect(),
            rules: enforcing(),
            routes: plan.classes.iter().map(|class| class.name.as_str().into()).collect(),
            turn_to: VecDeque::new(),
            tides: vec![Tide::default(); plan.classes.len() * plan.proxies as usize],
            outcome: Outcome::default(),
        };
        for class in classes {
            world.plan_arrival(class);
        }
        for event in plan.events.iter().filter(|event| event.down) {
            world.at(Instant::from_millis(event.from_ms), Event::Down);
        }
        for event in plan.events.iter().filter(|event| event.restart) {
            world.at(Instant::from_millis(event.from_ms), Event::Restart);
        }
        world.after(SAMPLE, Event::Sample);
        world
    }

    fn run(&mut self) {
        let end = Instant::from_millis(self.plan.seconds * 1_000) + AFTERWARDS;
        loop {
            let tick = self.tick_due();
            let event = self.events.peek().map(|Reverse((at, ..))| *at);
            let Some(at) = tick.into_iter().chain(event).min().filter(|&at| at <= end) else {
                break;
            };
            self.now = self.now.max(at);
            if tick.is_some_and(|due| due <= at) {
                self.looked = self.now;
                for proxy in &mut self.proxies {
                    proxy.pools.tick(self.now);
                }
            } else if let Some(Reverse((_, _, event))) = self.events.pop() {
                self.happen(event);
            }
            self.settle();
        }
    }

    /// When the pools' controllers and time limits are due: not before figures come.
    fn tick_due(&self) -> Option<Instant> {
        let due = self.proxies.iter().filter_map(|proxy| proxy.pools.deadline()).min()?;
        Some(self.plan.lateness(self.now).map_or(due, |late| due.max(self.looked + late)))
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive(class) => self.arrive(class),
            Event::Send(journey) => self.send(journey),
            Event::Patience(attempt) => self.give_up(attempt),
            Event::Executed(attempt) => self.executed(attempt),
            Event::Called(attempt) => self.called(attempt),
            Event::Kill(attempt) => self.kill(attempt),
            Event::Answer(proxy, dial) => self.answer(proxy, dial),
            Event::Down => self.go_down(),
            Event::Restart => self.restart(),
            Event::Sample => {
                self.heal();
                self.sample();
            }
        }
    }

    /// Does what the pools ask for, until nothing is left to do.
    fn settle(&mut self) {
        loop {
            self.turn_to_backlog();
            let effect = self
                .proxies
                .iter_mut()
                .enumerate()
                .find_map(|(at, proxy)| proxy.pools.poll_effect().map(|effect| (at, effect)));
            let Some((proxy, effect)) = effect else { break };
            self.perform(proxy, effect);
        }
    }

    fn perform(&mut self, proxy: usize, effect: Effect) {
        match effect {
            Effect::Grant { client, server, .. } => self.granted(client.0, server),
            Effect::Refuse { client, refusal, .. } => {
                self.count_refusal(&refusal);
                self.fail(client.0);
            }
            Effect::Dial { dial, .. } => self.after(LOGIN, Event::Answer(proxy, dial.0)),
            Effect::AbandonDial { dial } => self.after(LOGIN, Event::Answer(proxy, dial.0)),
            Effect::Close { server, .. } => self.proxies[proxy].pools.closed(self.now, server),
            Effect::Check { server } => {
                let now = self.now;
                self.proxies[proxy].pools.checked(now, server, !self.plan.is_down(now));
            }
            Effect::Paused { .. } | Effect::Forgotten { .. } | Effect::Drained => {}
        }
    }

    fn answer(&mut self, proxy: usize, dial: u32) {
        let (now, pools) = (self.now, &mut self.proxies[proxy].pools);
        if self.plan.is_down(now) {
            let fault = Fault { sqlstate: *b"08001", message: "connection refused".into() };
            pools.dial_failed(now, DialId(dial), DialError::Transient(fault));
        } else {
            pools.connected(now, DialId(dial));
        }
    }

    /// All server connections break, and with them what they were doing.
    fn go_down(&mut self) {
        while let Some((proxy, server, holder)) = self.usable() {
            self.proxies[proxy].pools.lost(self.now, server);
            if let Some(client) = holder {
                let servers = &mut self.attempts[client.0 as usize].servers;
                servers.iter_mut().filter(|one| **one == Some(server)).for_each(|one| *one = None);
                self.fail(client.0);
            }
            self.settle();
        }
    }

    /// A server connection that is idle or held, and by whom.
    fn usable(&self) -> Option<(usize, ServerId, Option<ClientId>)> {
        let usable = |one: &ServerView| matches!(one.state, State::Idle | State::Active);
        self.proxies.iter().enumerate().find_map(|(at, proxy)| {
            let one = proxy.pools.servers(proxy.pool).find(usable)?;
            Some((at, one.server, one.holder))
        })
    }

    fn arrive(&mut self, class: usize) {
        self.plan_arrival(class);
        if self.plan.present(self.now, class).rate == 0 {
            return;
        }
        let tries_left = self.plan.classes[class].retries;
        let journey = u32::try_from(self.journeys.len()).unwrap_or(u32::MAX);
        self.journeys.push(Journey { class, started: self.now, tries_left, took: None });
        self.send(journey);
    }

    fn plan_arrival(&mut self, class: usize) {
        let rate = self.plan.present(self.now, class).rate;
        let mean = Duration::from_secs(100).as_nanos().checked_div(u128::from(rate));
        let mean = mean.map(|nanos| Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)));
        let gap = mean.map_or(QUIET, |mean| exponential(&mut self.arrivals[class], mean));
        if (self.now + gap).as_nanos() < self.plan.seconds * 1_000_000_000 {
            self.after(gap, Event::Arrive(class));
        }
    }

    /// Counts server connections, capped classes, and caps that fell again after they had grown.
    fn sample(&mut self) {
        let open = self.proxies.iter().map(|one| open_in(&one.pools.view(one.pool))).sum();
        self.outcome.open_max = self.outcome.open_max.max(open);
        let mut capped = false;
        for (proxy, one) in self.proxies.iter().enumerate() {
            for view in one.pools.classes(one.pool).filter(|view| view.class.0 > 0) {
                let place = proxy * self.plan.classes.len() + view.class.0 as usize - 1;
                capped |= view.cap.is_some();
                let cap = view.cap.unwrap_or(self.plan.slots);
                self.outcome.swings += u64::from(self.tides[place].turns(cap));
            }
        }
        self.outcome.capped += u64::from(capped);
        if self.now.as_nanos() < self.plan.seconds * 1_000_000_000 {
            self.after(SAMPLE, Event::Sample);
        }
    }

    pub(super) fn count_refusal(&mut self, refusal: &Refusal) {
        self.outcome.refused += 1;
        self.outcome.refused_early += u64::from(matches!(refusal, Refusal::Overload(_)));
    }

    pub(super) fn class_of(&self, attempt: u32) -> &'plan ClassPlan {
        let journey = self.attempts[attempt as usize].journey;
        &self.plan.classes[self.journeys[journey as usize].class]
    }

    pub(super) fn present_of(&self, attempt: u32) -> Present {
        let journey = self.attempts[attempt as usize].journey;
        self.plan.present(self.now, self.journeys[journey as usize].class)
    }

    pub(super) const fn proxy_of(&self, attempt: u32) -> usize {
        (attempt % self.plan.proxies) as usize
    }

    pub(super) fn after(&mut self, span: Duration, event: Event) {
        self.at(self.now + span, event);
    }

    fn at(&mut self, at: Instant, event: Event) {
        self.scheduled += 1;
        self.events.push(Reverse((at, self.scheduled, event)));
    }
}

/// Server connections that a server would count.
fn open_in(view: &PoolView) -> u32 {
    view.idle + view.active + view.settling + view.checking + view.closing
}

/// A proxy with its part of the slots.
fn proxy(plan: &Plan, rule: Rule, at: u32) -> Proxy {
    let slots = plan.slots / plan.proxies;
    let mut pools = Pools::new();
    let budget = pools.add_budget(slots, Duration::from_millis(100));
    let pool = pools.add_pool(&[budget], rule.settings(slots, plan.seed ^ u64::from(at)));
    for (class, one) in plan.classes.iter().enumerate() {
        let id = crate::ids::ClassId(u32::try_from(class).unwrap_or(0) + 1);
        pools.set_class(Instant::ZERO, pool, id, rule.class(one));
    }
    pools.freeze(Instant::ZERO, pool, !rule.controls());
    Proxy { pools, pool }
}
