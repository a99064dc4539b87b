//! Stories of one pool under the dispatch: a stage of 10 slots, virtual time, classes with fixed
//! hold times that ask at fixed intervals.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Advises, Claim, ClassRules, ClassView, Criticality, Policy, Why};
use crate::ids::{ClassId, ClientId, DialId, PoolId, ServerId, Ticket};
use crate::pool::{Checkout, Effect, PoolSettings, Pools, Refusal, Release};
use crate::time::Instant;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What clients of one class do.
#[derive(Debug, Clone, Copy)]
struct Load {
    /// A client comes this often.
    every: Duration,
    /// And holds its slot so long.
    hold: Duration,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    asked: u32,
    /// Served within a second.
    soon: u32,
    served: u32,
    refused: u32,
}

/// A pool that is driven by loads.
struct Stage {
    pools: Pools,
    pool: PoolId,
    now: Instant,
    loads: Vec<Load>,
    next: Vec<Instant>,
    ends: BTreeMap<(Instant, u32), ServerId>,
    clients: u32,
    came: BTreeMap<u32, (usize, Instant)>,
    tally: Vec<Tally>,
    order: Vec<u32>,
    refusals: Vec<Refusal>,
    tickets: BTreeMap<u32, Ticket>,
}

impl Stage {
    fn new(mut settings: PoolSettings, loads: &[Load]) -> Self {
        settings.dials_parallel_max = 1_000;
        let mut pools = Pools::new();
        let budget = pools.add_budget(u32::MAX, ms(100));
        let pool = pools.add_pool(&[budget], settings);
        Self {
            pools,
            pool,
            now: Instant::ZERO,
            loads: loads.to_vec(),
            next: vec![Instant::ZERO; loads.len()],
            ends: BTreeMap::new(),
            clients: 0,
            came: BTreeMap::new(),
            tally: vec![Tally::default(); loads.len()],
            order: Vec::new(),
            refusals: Vec::new(),
            tickets: BTreeMap::new(),
        }
    }

    fn ask(&mut self, class: usize) -> u32 {
        self.clients += 1;
        let client = self.clients;
        self.came.insert(client, (class, self.now));
        self.tally[class].asked += 1;
        let id = ClassId(u32::try_from(class + 1).expect("few classes"));
        let claim = Claim { client: ClientId(client), class: id, affinity: None, user: client };
        match self.pools.checkout(self.now, self.pool, claim) {
            Checkout::Granted(server) => self.hold(client, server),
            Checkout::Queued(ticket) => {
                self.tickets.insert(client, ticket);
            }
            Checkout::Refused(refusal) => self.refuse(client, refusal),
        }
        self.perform();
        client
    }

    fn hold(&mut self, client: u32, server: ServerId) {
        let (class, since) = self.came[&client];
        let tally = &mut self.tally[class];
        tally.served += 1;
        tally.soon += u32::from(self.now - since <= ms(1_000));
        self.order.push(client);
        self.ends.insert((self.now + self.loads[class].hold, client), server);
    }

    fn refuse(&mut self, client: u32, refusal: Refusal) {
        self.tally[self.came[&client].0].refused += 1;
        self.refusals.push(refusal);
    }

    fn perform(&mut self) {
        while let Some(effect) = self.pools.poll_effect() {
            match effect {
                Effect::Grant { client, server, .. } => self.hold(client.0, server),
                Effect::Refuse { client, refusal, .. } => self.refuse(client.0, refusal),
                Effect::Dial { dial: DialId(dial), .. } => {
                    self.pools.connected(self.now, DialId(dial));
                }
                Effect::Close { server, .. } => self.pools.closed(self.now, server),
                other => panic!("nothing here asks for {other:?}"),
            }
        }
    }

    /// Plays `span`, with the loads as they are.
    fn play(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            let (ask, class) = (0..self.next.len()).map(|at| (self.next[at], at)).min().unwrap();
            let free = self.ends.keys().next().map_or(end, |&(at, _)| at);
            let tick = self.pools.deadline().unwrap_or(end);
            let at = ask.min(free).min(tick);
            if at >= end {
                break;
            }
            self.now = self.now.max(at);
            if tick <= at {
                self.pools.tick(self.now);
            } else if free <= at {
                let (_, server) = self.ends.pop_first().unwrap();
                self.pools.release(self.now, server, Release::Reusable);
            } else {
                self.next[class] = self.next[class] + self.loads[class].every;
                self.ask(class);
            }
            self.perform();
        }
        self.now = end;
    }

    /// Plays until a transaction ends; its connection is lost with it when `lost`.
    fn serve_one(&mut self, lost: bool) {
        let (&(free, client), _) = self.ends.iter().next().expect("somebody is served");
        while let Some(tick) = self.pools.deadline().filter(|&tick| tick < free) {
            self.now = self.now.max(tick);
            self.pools.tick(self.now);
            self.perform();
        }
        self.now = self.now.max(free);
        let server = self.ends.remove(&(free, client)).expect("it was there");
        let how = if lost { Release::Broken } else { Release::Reusable };
        self.pools.release(self.now, server, how);
        self.perform();
    }

    /// The client that came last of those that wait.
    fn newest_waiting(&self) -> Option<u32> {
        self.pools.waiters(self.pool).map(|waiter| waiter.client.0).max()
    }

    fn class(&self, class: usize) -> ClassView {
        let id = ClassId(u32::try_from(class + 1).unwrap());
        self.pools.classes(self.pool).find(|view| view.class == id).expect("it has asked")
    }

    /// The tally since the last call.
    fn since(&mut self) -> Vec<Tally> {
        let fresh = vec![Tally::default(); self.loads.len()];
        std::mem::replace(&mut self.tally, fresh)
    }
}

const PAGE: usize = 0;
const PAY: usize = 1;
const REPORT: usize = 2;

fn settings(policy: Policy) -> PoolSettings {
    PoolSettings { size_max: 10, dispatch: policy, ..PoolSettings::default() }
}

/// Pages of 6 ms a hundred times a second, payments of 100 ms ten times a second.
fn shop(policy: Policy) -> Stage {
    let loads = [Load { every: ms(10), hold: ms(6) }, Load { every: ms(100), hold: ms(100) }];
    let mut stage = Stage::new(settings(policy), &loads);
    stage.play(ms(20_000));
    stage
}

/// The shop when what payments call has become slow.
fn incident(policy: Policy) -> Stage {
    let mut stage = shop(policy);
    stage.since();
    stage.loads[PAY].hold = ms(3_000);
    stage.play(ms(30_000));
    stage
}

#[test]
fn one_slow_class_does_not_starve_another() {
    let mut stage = incident(Policy::Fair);
    let tally = stage.since();
    assert!(tally[PAGE].soon * 100 >= tally[PAGE].asked * 97, "{:?}", tally[PAGE]);
    let mut stage = incident(Policy::Fifo);
    let tally = stage.since();
    assert!(tally[PAGE].soon * 100 <= tally[PAGE].asked * 20, "fifo was harmless: {tally:?}");
}

#[test]
fn the_slow_class_is_capped_with_its_numbers_and_set_free_when_it_is_well() {
    let mut stage = incident(Policy::Fair);
    let view = stage.class(PAY);
    let cap = view.cap.expect("it holds slots thirty times as long as usual");
    assert!((2..10).contains(&cap), "{cap}");
    let verdict = view.verdict;
    assert!(matches!(verdict.why, Why::Inflated | Why::Dominant), "{verdict:?}");
    assert!(verdict.hold > ms(300) && verdict.usual < Some(ms(150)), "{verdict:?}");
    assert_eq!(stage.class(PAGE).cap, None);
    let Some(Refusal::Overload(why)) = stage.refusals.last() else {
        panic!("payments beyond the cap are refused: {:?}", stage.refusals.last());
    };
    assert_eq!((why.class, why.top.map(|(top, _)| top)), (ClassId(2), Some(ClassId(2))));
    assert!(why.to_string().contains("held by this class"), "{why}");
    stage.loads[PAY].hold = ms(100);
    stage.play(ms(8_000));
    assert_eq!((stage.class(PAY).cap, stage.class(PAY).deadline), (None, None));
    stage.since();
    stage.play(ms(5_000));
    let tally = stage.since();
    assert_eq!((tally[PAY].refused, tally[PAGE].refused), (0, 0));
}

#[test]
fn nobody_is_blamed_when_everything_is_slow() {
    let mut stage = shop(Policy::Fair);
    for load in &mut stage.loads {
        load.hold *= 20;
    }
    stage.play(ms(20_000));
    assert_eq!((stage.class(PAGE).cap, stage.class(PAY).cap), (None, None));
    let blamed = stage.refusals.iter().find(|refusal| match refusal {
        Refusal::Overload(why) => matches!(why.why, Why::Inflated | Why::Dominant),
        _ => false,
    });
    assert_eq!(blamed, None);
    let soon = stage.since()[PAGE].soon;
    let mut fifo = shop(Policy::Fifo);
    for load in &mut fifo.loads {
        load.hold *= 20;
    }
    fifo.play(ms(20_000));
    let soon_fifo = fifo.since()[PAGE].soon;
    assert!(soon > soon_fifo, "newest first serves {soon} within a second, fifo {soon_fifo}");
}

#[test]
fn calm_traffic_is_served_in_the_order_of_arrival() {
    let loads = [Load { every: ms(20), hold: ms(20) }, Load { every: ms(40), hold: ms(45) }];
    let mut stage = Stage::new(PoolSettings { size_max: 6, ..settings(Policy::Fair) }, &loads);
    for burst in 0..200 {
        for class in [PAGE, PAY, PAGE, PAGE, PAY, PAGE] {
            stage.ask(class);
        }
        stage.play(ms(97));
        assert!(!stage.pools.is_fair(stage.now, stage.pool), "burst {burst} is not calm");
    }
    let mut sorted = stage.order.clone();
    sorted.sort_unstable();
    assert_eq!(stage.order, sorted);
    assert_eq!(stage.refusals, []);
    assert!(stage.tickets.len() > 200, "hardly anybody waited");
}

#[test]
fn equal_classes_in_a_standing_queue_are_served_in_the_order_of_arrival() {
    let load = Load { every: ms(100_000), hold: ms(50) };
    let mut stage = Stage::new(settings(Policy::Fair), &[load, load]);
    for _ in 0..300 {
        stage.ask(PAGE);
        stage.ask(PAY);
    }
    stage.play(ms(5_000));
    let late = stage.order.windows(2).filter(|pair| pair[1] < pair[0]).count();
    assert_eq!((stage.order.len(), late), (602, 0), "including the first of each load");
}

#[test]
fn a_minimum_is_left_free_and_a_ceiling_is_kept() {
    let hold = Load { every: ms(100_000), hold: ms(10_000) };
    let mut stage = Stage::new(settings(Policy::Fair), &[hold, hold]);
    let rules = ClassRules { minimum: 3, ..ClassRules::default() };
    stage.pools.set_class(stage.now, stage.pool, ClassId(1), rules);
    for _ in 0..20 {
        stage.ask(PAY);
    }
    assert_eq!(stage.class(PAY).held, 7);
    for _ in 0..3 {
        stage.ask(PAGE);
    }
    assert_eq!(stage.class(PAGE).held, 3);
    let rules = ClassRules { ceiling: Some(2), ..ClassRules::default() };
    let mut stage = Stage::new(settings(Policy::Fair), &[hold, hold]);
    stage.pools.set_class(stage.now, stage.pool, ClassId(2), rules);
    for _ in 0..20 {
        stage.ask(PAY);
        stage.ask(PAGE);
    }
    assert_eq!((stage.class(PAY).held, stage.class(PAGE).held), (2, 8));
}

#[test]
fn weight_buys_slots() {
    let load = Load { every: ms(1), hold: ms(40) };
    let mut stage = Stage::new(settings(Policy::Fair), &[load, load]);
    let rules = ClassRules { weight: 300, ..ClassRules::default() };
    stage.pools.set_class(stage.now, stage.pool, ClassId(1), rules);
    stage.play(ms(10_000));
    let tally = stage.since();
    let share = tally[PAGE].served * 100 / (tally[PAGE].served + tally[PAY].served);
    assert!((65..=85).contains(&share), "{share} % of the slots for three times the weight");
}

#[test]
fn a_critical_class_is_not_shed() {
    let mut stage = shop(Policy::Fair);
    let rules = ClassRules { criticality: Criticality::Critical, ..ClassRules::default() };
    stage.pools.set_class(stage.now, stage.pool, ClassId(2), rules);
    for load in &mut stage.loads {
        load.hold *= 40;
    }
    stage.play(ms(30_000));
    let why = |refusal: &Refusal| match refusal {
        Refusal::Overload(why) if why.why == Why::Shed => Some(why.class),
        _ => None,
    };
    let shed: Vec<_> = stage.refusals.iter().filter_map(why).collect();
    assert!(!shed.is_empty(), "nobody is shed at forty times the load");
    assert!(shed.iter().all(|&class| class == ClassId(1)));
}

#[test]
fn an_operators_cap_holds_and_freeze_lifts_the_controllers() {
    let mut stage = incident(Policy::Fair);
    assert!(stage.class(PAY).cap.is_some());
    stage.pools.freeze(stage.now, stage.pool, true);
    stage.perform();
    stage.play(ms(3_000));
    assert_eq!((stage.class(PAY).cap, stage.class(PAY).deadline), (None, None));
    stage.pools.freeze(stage.now, stage.pool, false);
    stage.pools.cap(stage.now, stage.pool, ClassId(2), Some(1));
    stage.play(ms(6_000));
    assert_eq!((stage.class(PAY).held, stage.class(PAY).limit), (1, Some(1)));
}

#[test]
fn what_is_only_advised_is_shown_and_not_done() {
    let mut stage = shop(Policy::Fair);
    stage.pools.advise(stage.now, stage.pool, Advises { cap: true, shed: true });
    stage.loads[PAY].hold = ms(3_000);
    stage.play(ms(10_000));
    let view = stage.class(PAY);
    let cap = view.cap.expect("it is worked out");
    assert!(view.held > cap && view.limit.is_none(), "{view:?}");
    let early = |refusal: &&Refusal| matches!(refusal, Refusal::Overload(_));
    assert_eq!(stage.refusals.iter().find(early), None);
    stage.pools.advise(stage.now, stage.pool, Advises::default());
    stage.play(ms(5_000));
    assert!(stage.class(PAY).limit.is_some() && stage.refusals.iter().any(|one| early(&one)));
}

/// The shop while its payments are slow: whether they were capped, and whether refused early.
fn slow_payments(all: Advises, payments: Advises) -> (bool, bool) {
    let mut stage = shop(Policy::Fair);
    stage.pools.advise(stage.now, stage.pool, all);
    let rules = ClassRules { advises: Some(payments), ..ClassRules::default() };
    stage.pools.set_class(stage.now, stage.pool, ClassId(2), rules);
    stage.loads[PAY].hold = ms(3_000);
    stage.play(ms(10_000));
    let view = stage.class(PAY);
    assert!(view.cap.is_some(), "it is worked out: {view:?}");
    let early = |refusal: &Refusal| matches!(refusal, Refusal::Overload(_));
    (view.limit.is_some(), stage.refusals.iter().any(early))
}

#[test]
fn what_is_said_of_a_class_counts_more_than_what_is_said_of_the_pool() {
    let (act, show) = (Advises::default(), Advises { cap: true, shed: true });
    assert_eq!(slow_payments(act, show), (false, false));
    assert_eq!(slow_payments(show, act), (true, true));
    assert_eq!(slow_payments(act, Advises { cap: false, shed: true }), (true, false));
}

#[test]
fn an_exempt_class_is_neither_capped_nor_refused_early() {
    let mut stage = shop(Policy::Fair);
    let rules = ClassRules { exempt: true, ..ClassRules::default() };
    stage.pools.set_class(stage.now, stage.pool, ClassId(2), rules);
    stage.loads[PAY].hold = ms(3_000);
    stage.play(ms(20_000));
    assert_eq!((stage.class(PAY).cap, stage.class(PAY).deadline), (None, None));
    assert_eq!(stage.since()[PAY].refused, 0);
}

#[test]
fn fifo_knows_no_classes() {
    let mut stage = incident(Policy::Fifo);
    let mut sorted = stage.order.clone();
    sorted.sort_unstable();
    assert_eq!(stage.order, sorted);
    assert_eq!(stage.since().iter().map(|tally| tally.refused).sum::<u32>(), 0);
}

/// A pool of two must keep one slot free for the others.
#[test]
fn the_floor_of_a_tiny_pool_leaves_a_slot() {
    let loads = [Load { every: ms(50), hold: ms(6) }, Load { every: ms(400), hold: ms(50) }];
    let mut stage = Stage::new(PoolSettings { size_max: 2, ..settings(Policy::Fair) }, &loads);
    stage.play(ms(40_000));
    stage.since();
    stage.loads[PAY].hold = ms(2_000);
    stage.play(ms(30_000));
    let tally = stage.since();
    assert_eq!(stage.class(PAY).cap, Some(1));
    assert!(tally[PAGE].soon * 100 >= tally[PAGE].asked * 90, "{:?}", tally[PAGE]);
}

/// Classes beyond the bound share one, and none is lost.
#[test]
fn a_flood_of_names_is_bounded() {
    let mut stage = Stage::new(settings(Policy::Fair), &[Load { every: ms(1), hold: ms(1) }]);
    for class in 0..5_000 {
        stage.pools.set_class(stage.now, stage.pool, ClassId(class), ClassRules::default());
    }
    assert!(stage.pools.classes(stage.pool).count() <= 1_025);
}

/// A client that leaves is passed over, and many that leave are a sign of overload.
#[test]
fn clients_that_leave_tell_that_the_wait_is_too_long() {
    let hold = Load { every: ms(100_000), hold: ms(200) };
    let mut stage = Stage::new(settings(Policy::Fair), &[hold]);
    for _ in 0..200 {
        let client = stage.ask(PAGE);
        stage.play(ms(10));
        if client > 40
            && client.is_multiple_of(2)
            && let Some(ticket) = stage.tickets.get(&(client - 35))
        {
            stage.pools.withdraw(stage.now, *ticket);
        }
    }
    assert_eq!(stage.class(PAGE).verdict.why, Why::Deserted);
}

/// Everything stands still for a moment, as when the server's disk does, and goes on as before.
/// Whoever waited through it is served: the queue is gone in less time than a deadline.
#[test]
fn a_stall_that_is_over_refuses_nobody() {
    let mut stage = Stage::new(settings(Policy::Fair), &[Load { every: ms(10), hold: ms(15) }]);
    stage.play(ms(20_000));
    for stall in [400, 1_200] {
        stage.since();
        stage.loads[PAGE].hold = ms(stall);
        stage.play(ms(stall));
        stage.loads[PAGE].hold = ms(15);
        stage.play(ms(20_000));
        let tally = stage.since()[PAGE];
        assert_eq!(tally.refused, 0, "after {stall} ms: {tally:?}");
    }
}

/// A shop in which everything stands still for two seconds, until it goes on. More come meanwhile
/// than the slots that are served then can take.
fn stalled(policy: Policy) -> Stage {
    let mut stage = shop(policy);
    stage.since();
    stage.loads[PAGE] = Load { every: ms(4), hold: ms(150) };
    stage.play(ms(2_000));
    stage
}

#[test]
fn who_can_still_be_served_in_time_comes_before_who_cannot() {
    let soon = |policy| {
        let mut stage = stalled(policy);
        stage.loads[PAGE] = Load { every: ms(10), hold: ms(30) };
        stage.play(ms(8_000));
        let tally = stage.since()[PAGE];
        assert_eq!((tally.refused, tally.served), (0, tally.asked), "{policy:?}");
        tally.soon
    };
    let (fair, fifo) = (soon(Policy::Fair), soon(Policy::Fifo));
    assert!(fair * 10 >= fifo * 13, "{fair} in time, first in, first out {fifo}");
}

#[test]
fn who_is_too_late_gets_on_too() {
    let mut stage = stalled(Policy::Fair);
    let first = stage.pools.waiters(stage.pool).next().expect("a queue").client.0;
    stage.order.clear();
    stage.play(ms(600));
    let turn = stage.order.iter().position(|&client| client == first);
    assert!(turn.is_some_and(|turn| turn <= 16), "{first} is not among {:?}", stage.order);
    assert!(stage.order.iter().max() > Some(&(first + 200)), "it is not all in order");
}

#[test]
fn those_who_leave_are_not_counted_among_the_late() {
    let mut stage = stalled(Policy::Fair);
    let late = |stage: &Stage| {
        let all = stage.pools.waiters(stage.pool).map(|one| (one.client.0, one.since));
        all.filter(|&(_, since)| stage.now.since(since) >= ms(1_000))
            .map(|(client, _)| client)
            .collect::<Vec<_>>()
    };
    for client in late(&stage) {
        stage.pools.withdraw(stage.now, stage.tickets[&client]);
    }
    stage.perform();
    let oldest = stage.pools.waiters(stage.pool).next().expect("a queue").client.0;
    stage.loads[PAGE].every = ms(100_000);
    stage.order.clear();
    while !stage.order.contains(&oldest) {
        stage.serve_one(false);
    }
    assert_eq!(stage.order.first(), Some(&oldest), "the oldest that is not late is next");
}

/// Many clients on few slots, each with its next request at hand: the wait is theirs and even, and
/// no sign of anything wrong, though some of them leave.
#[test]
fn a_crowd_is_served_in_order() {
    let mut stage = Stage::new(settings(Policy::Fair), &[Load { every: ms(1), hold: ms(10) }]);
    stage.play(ms(10_000));
    stage.since();
    // A crowd of 400 that comes at once waits for 400 ms; one in seven leaves.
    for round in 0..20 {
        let crowd: Vec<u32> = (0..400).map(|_| stage.ask(PAGE)).collect();
        stage.loads[PAGE].every = ms(100);
        stage.play(ms(50));
        for client in crowd.iter().filter(|client| client.is_multiple_of(7)) {
            if let Some(ticket) = stage.tickets.get(client) {
                stage.pools.withdraw(stage.now, *ticket);
            }
        }
        stage.play(ms(600));
        let tally = stage.since()[PAGE];
        assert_eq!(tally.refused, 0, "round {round}: {tally:?}");
        assert_eq!(tally.served, tally.soon, "round {round}: {tally:?}");
    }
}

/// Two routes that an operator put into one class share its ceiling, and part again.
#[test]
fn an_operators_class_is_one_however_many_routes_it_has() {
    let hold = Load { every: ms(100_000), hold: ms(10_000) };
    let mut stage = Stage::new(settings(Policy::Fair), &[hold, hold]);
    let name = std::sync::Arc::from("slow");
    let rules = ClassRules { ceiling: Some(4), ..ClassRules::default() };
    for class in [1, 2] {
        stage.pools.assign(stage.now, stage.pool, ClassId(class), Some((&name, rules)));
    }
    for _ in 0..10 {
        stage.ask(PAGE);
        stage.ask(PAY);
    }
    let group = |stage: &Stage| {
        let mut views = stage.pools.classes(stage.pool);
        views.find(|view| view.group.as_deref() == Some("slow")).expect("it was made")
    };
    assert_eq!((group(&stage).held, group(&stage).limit), (4, Some(4)));
    stage.pools.lift_groups(stage.now, stage.pool);
    stage.pools.assign(stage.now, stage.pool, ClassId(2), None);
    stage.perform();
    assert_eq!((group(&stage).held, group(&stage).limit), (10, None), "those that wait stay");
    stage.ask(PAY);
    assert_eq!((stage.class(PAY).waiting, stage.class(PAY).group), (1, None));
}

/// A surge of transactions of which nobody knows whether they are always so long: the quick find a
/// slot all the same, from the first moment.
#[test]
fn the_last_slots_are_for_the_quick() {
    let loads = [Load { every: ms(10), hold: ms(6) }, Load { every: ms(100_000), hold: ms(9_000) }];
    let mut stage = Stage::new(settings(Policy::Fair), &loads);
    stage.play(ms(2_000));
    stage.since();
    stage.loads[PAY].every = ms(150);
    stage.next[PAY] = stage.now;
    stage.play(ms(6_000));
    let tally = stage.since();
    assert_eq!(tally[PAGE].soon, tally[PAGE].asked, "{:?}", tally[PAGE]);
    assert_eq!(stage.class(PAY).held, 8, "an eighth and one are left of ten");
    assert!(stage.class(PAY).usual.is_none());
}

/// A long class that gets nothing for longer than the dispatch remembers slot time is still long:
/// otherwise all who wait for it would take the slots of the quick at once.
#[test]
fn who_was_long_and_waits_is_still_long() {
    let loads = [
        Load { every: ms(10), hold: ms(6) },
        Load { every: ms(100_000), hold: ms(90_000) },
        Load { every: ms(1_300), hold: ms(700) },
    ];
    let mut stage = Stage::new(settings(Policy::Fair), &loads);
    stage.play(ms(5_000));
    stage.since();
    stage.loads[PAY].every = ms(100);
    stage.next[PAY] = stage.now;
    for _ in 0..300 {
        stage.play(ms(100));
        assert!(stage.class(PAY).held + stage.class(REPORT).held <= 8, "{:?}", stage.now);
    }
    let tally = stage.since();
    assert_eq!(tally[PAGE].soon, tally[PAGE].asked, "{:?}", tally[PAGE]);
    assert!(stage.class(REPORT).waiting > 0 || tally[REPORT].refused > 0, "{:?}", tally[REPORT]);
}

/// Long transactions alone have the whole pool.
#[test]
fn without_the_quick_nothing_is_kept_for_them() {
    let load = Load { every: ms(150), hold: ms(9_000) };
    let mut stage = Stage::new(settings(Policy::Fair), &[load, load]);
    stage.play(ms(6_000));
    assert_eq!(stage.class(PAGE).held + stage.class(PAY).held, 10);
    assert_eq!(stage.refusals, []);
}

/// What was kept for the quick is given out once they have gone.
#[test]
fn nobody_waits_for_long_beside_a_slot_that_is_kept_for_nobody() {
    let loads = [Load { every: ms(10), hold: ms(6) }, Load { every: ms(150), hold: ms(90_000) }];
    let mut stage = Stage::new(settings(Policy::Fair), &loads);
    stage.play(ms(6_000));
    assert_eq!(stage.class(PAY).held, 8);
    stage.loads[PAGE].every = ms(1_000_000);
    stage.next[PAGE] = stage.now + ms(1_000_000);
    stage.play(ms(3_000));
    assert_eq!(stage.class(PAY).held, 10);
}

/// A pool of three with a crowd before it, of which one server connection stands still for
/// longer than anybody is used to: whoever waits is served, as first in, first out would do.
#[test]
fn a_frozen_connection_of_a_tiny_pool_refuses_nobody() {
    let load = Load { every: ms(30), hold: ms(20) };
    let settings = PoolSettings { size_max: 3, ..settings(Policy::Fair) };
    let mut stage = Stage::new(settings, &[load, load, load]);
    stage.play(ms(10_000));
    for round in 0..20 {
        for class in [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2] {
            stage.ask(class);
        }
        stage.loads[round % 3].hold = ms(700);
        stage.play(ms(40));
        stage.loads[round % 3].hold = ms(20);
        stage.play(ms(2_500));
    }
    assert_eq!(stage.refusals, []);
}

/// Forty clients share three connections, and each asks again as soon as it has been served. The
/// server stands still, its connections are killed, it goes on slowly: whoever waits is served in
/// the end, and before those who came later by a round.
#[test]
fn a_crowd_before_few_connections_waits_out_what_befalls_the_server() {
    let settings = PoolSettings { size_max: 3, ..settings(Policy::Fair) };
    let mut stage = Stage::new(settings, &[Load { every: ms(1_000_000), hold: ms(20) }]);
    for _ in 0..4 {
        stage.ask(PAGE);
    }
    for _ in 0..900 {
        // What is usual is learnt.
        stage.serve_one(false);
        stage.ask(PAGE);
    }
    for _ in 4..40 {
        stage.ask(PAGE);
    }
    for round in 0..600_u32 {
        stage.loads[PAGE].hold = match round % 200 {
            20 => ms(1_500),
            40..120 => ms(150),
            _ => ms(20 + u64::from(round * 7 % 13)),
        };
        stage.serve_one(round % 50 == 33);
        stage.ask(PAGE);
        if round % 10 == 0
            && let Some(client) = stage.newest_waiting()
        {
            // Some think better of it at once.
            stage.pools.withdraw(stage.now, stage.tickets[&client]);
            stage.ask(PAGE);
        }
    }
    assert_eq!(stage.refusals, []);
    let late = stage.order.windows(2).filter(|pair| pair[1] + 45 < pair[0]).count();
    assert_eq!(late, 0, "{:?}", stage.order);
}
