//! The world: what happens when, and who answers the pools' effects.

mod operator;
mod people;
mod upstream;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::{BudgetId, PoolId, ServerId, Ticket};
use crate::pool::{Chance, Effect, PoolSettings};
use crate::sim::books::{Conn, Phase};
use crate::sim::referee::{Judged, Referee, Violation};
use crate::sim::scenario::{Scenario, Weather};
use crate::time::Instant;

/// How long a world may take to come to rest after the storm.
const CALM: Duration = Duration::from_secs(20);

/// What happened in a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Inputs given to the pools.
    pub steps: u64,
    /// Grants without a wait.
    pub at_once: u64,
    /// Grants after a wait.
    pub waited: u64,
    /// Refusals.
    pub refused: u64,
    /// Attempts to connect.
    pub dials: u64,
    /// Connections closed.
    pub closed: u64,
    /// Checks before reuse.
    pub checks: u64,
}

/// One connection or dial, not just whatever has its id.
#[derive(Debug, Clone, Copy)]
struct Subject {
    server: ServerId,
    serial: u64,
}

/// Something that will happen. Serial numbers and turns tell events that came too late.
#[derive(Debug, Clone, Copy)]
enum Event {
    Ask { client: u32, turn: u64 },
    Finish { client: u32, turn: u64 },
    GiveUp { client: u32, turn: u64 },
    Answer(Subject),
    Closed(Subject),
    Checked(Subject),
    Settled(Subject),
    Dies(Subject),
    Weather,
    Operator,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Thinking,
    Waiting(Ticket),
    Holding(ServerId),
}

#[derive(Debug, Clone, Copy)]
struct Client {
    pool: PoolId,
    doing: Doing,
    /// Counts changes of `doing`.
    turn: u64,
}

/// One world at one moment.
#[derive(Debug)]
pub struct World {
    scenario: Scenario,
    referee: Referee,
    chance: Chance,
    events: BTreeMap<(Instant, u64), Event>,
    scheduled: u64,
    clients: Vec<Client>,
    budgets: Vec<BudgetId>,
    weather: Weather,
    storm_ends: Instant,
    drained: bool,
    outcome: Outcome,
}

impl World {
    /// The world at its beginning.
    ///
    /// # Errors
    /// A rule broken right then.
    pub fn new(scenario: &Scenario) -> Result<Self, Violation> {
        let mut referee = Referee::default();
        let lend_after = Duration::from_millis(20);
        let slots = scenario.budgets.iter();
        let budgets: Vec<_> = slots.map(|&one| referee.add_budget(one, lend_after)).collect();
        let add = |(draws, one): (&Vec<usize>, &PoolSettings)| {
            let draws: Vec<_> = draws.iter().map(|&at| budgets[at]).collect();
            referee.add_pool(&draws, one.clone())
        };
        let pools: Vec<_> = scenario.draws.iter().zip(&scenario.pools).map(add).collect();
        let home = |client: u32| pools[client as usize % pools.len()];
        let client = |client| Client { pool: home(client), doing: Doing::Thinking, turn: 0 };
        let mut world = Self {
            scenario: scenario.clone(),
            referee,
            chance: Chance::new(!scenario.seed),
            events: BTreeMap::new(),
            scheduled: 0,
            clients: (0..scenario.clients).map(client).collect(),
            budgets,
            weather: Weather::Fair,
            storm_ends: Instant::ZERO + scenario.storm,
            drained: false,
            outcome: Outcome::default(),
        };
        for client in 0..scenario.clients {
            world.think(client);
        }
        world.within(scenario.weather_every, Event::Weather);
        world.within(scenario.operator_every, Event::Operator);
        Ok(world)
    }

    /// Plays the storm, then lets the world come to rest, then stops it.
    ///
    /// # Errors
    /// The first broken rule; among them that a client or a slot was lost.
    pub fn play(mut self) -> Result<Outcome, Violation> {
        self.run_until(self.storm_ends)?;
        self.clear_up()?;
        self.run_until(self.storm_ends + CALM)?;
        self.is_at_rest()?;
        self.referee.stop()?;
        self.perform()?;
        self.run_until(self.storm_ends + CALM + CALM)?;
        self.is_drained()?;
        Ok(self.outcome)
    }

    fn run_until(&mut self, end: Instant) -> Judged {
        loop {
            let event = self.events.first_key_value().map(|(&(at, _), _)| at);
            let tick = self.referee.pools().deadline();
            let next = event.into_iter().chain(tick).min().filter(|&at| at <= end);
            let Some(at) = next else { break };
            self.referee.advance(at);
            if tick.is_some_and(|due| due <= at) {
                self.referee.tick()?;
            } else if let Some((_, event)) = self.events.pop_first() {
                self.happen(event)?;
            }
            self.outcome.steps += 1;
            self.perform()?;
        }
        self.referee.advance(end);
        Ok(())
    }

    fn happen(&mut self, event: Event) -> Judged {
        match event {
            Event::Ask { client, turn } if self.is_turn(client, turn) => self.ask(client),
            Event::Finish { client, turn } if self.is_turn(client, turn) => self.finish(client),
            Event::GiveUp { client, turn } if self.is_turn(client, turn) => self.give_up(client),
            Event::Answer(conn) if self.is_in(conn, Phase::Dialling) => self.answer(conn.server),
            Event::Answer(conn) if self.is_in(conn, Phase::Abandoned) => self.answer(conn.server),
            Event::Closed(conn) if self.is_in(conn, Phase::Closing) => {
                self.referee.closed(conn.server)
            }
            Event::Checked(conn) if self.is_in(conn, Phase::Checking) => {
                self.check_ends(conn.server)
            }
            Event::Settled(conn) if self.is_in(conn, Phase::Settling) => self.settles(conn.server),
            Event::Dies(conn) => self.dies(conn),
            Event::Ask { .. }
            | Event::Finish { .. }
            | Event::GiveUp { .. }
            | Event::Answer(_)
            | Event::Closed(_)
            | Event::Checked(_)
            | Event::Settled(_) => Ok(()),
            Event::Weather => self.change_weather(),
            Event::Operator => self.operate(),
        }
    }

    /// Does what the pools ask for.
    fn perform(&mut self) -> Judged {
        for effect in self.referee.effects() {
            match effect {
                Effect::Grant { client, server, .. } => {
                    self.outcome.waited += 1;
                    self.hold(client.0, server);
                }
                Effect::Refuse { client, .. } => {
                    self.outcome.refused += 1;
                    self.think(client.0);
                }
                Effect::Dial { dial, .. } => {
                    self.outcome.dials += 1;
                    let latency = self.scenario.latency;
                    self.on(ServerId(dial.0), latency, Event::Answer);
                }
                Effect::AbandonDial { dial } => {
                    self.on(ServerId(dial.0), Duration::from_millis(2), Event::Answer);
                }
                Effect::Close { server, .. } => {
                    self.outcome.closed += 1;
                    self.on(server, Duration::from_millis(2), Event::Closed);
                }
                Effect::Check { server } => {
                    self.outcome.checks += 1;
                    self.on(server, Duration::from_millis(3), Event::Checked);
                }
                Effect::Drained => self.drained = true,
                Effect::Forgotten { pool } => self.replace(pool),
                Effect::Paused { .. } => {}
            }
        }
        Ok(())
    }

    /// Nobody waits, nobody holds anything.
    fn is_at_rest(&self) -> Judged {
        let waits = self.referee.tickets().next();
        let busy = self
            .referee
            .conns()
            .find(|(_, conn)| matches!(conn.phase, Phase::Held(_) | Phase::Settling));
        let stuck = self.clients.iter().find(|client| client.doing != Doing::Thinking);
        if waits.is_none() && busy.is_none() && stuck.is_none() {
            return Ok(());
        }
        Err(self.violation(format!("not at rest: {waits:?}, {busy:?}, {stuck:?}")))
    }

    /// No slot is left, and the pools said so.
    fn is_drained(&self) -> Judged {
        let left = self.referee.conns().next();
        let used = |&budget: &BudgetId| self.referee.pools().budget(budget).used > 0;
        if left.is_none() && self.drained && !self.budgets.iter().any(used) {
            return Ok(());
        }
        Err(self.violation(format!("not drained ({}): {left:?}", self.drained)))
    }

    fn violation(&self, what: String) -> Violation {
        Violation { at: self.referee.now(), what }
    }

    fn is_in(&self, subject: Subject, phase: Phase) -> bool {
        self.find(subject).is_some_and(|conn| conn.phase == phase)
    }

    fn find(&self, subject: Subject) -> Option<&Conn> {
        self.referee.conn(subject.server).filter(|conn| conn.serial == subject.serial)
    }

    /// Schedules an event about the connection that has this id now, within `span`.
    fn on(&mut self, server: ServerId, span: Duration, event: impl Fn(Subject) -> Event) {
        if let Some(conn) = self.referee.conn(server) {
            let serial = conn.serial;
            self.within(span, event(Subject { server, serial }));
        }
    }

    /// Schedules an event at some moment within `span` from now.
    fn within(&mut self, span: Duration, event: Event) {
        let at = self.referee.now() + self.chance.up_to(span);
        self.scheduled += 1;
        self.events.insert((at, self.scheduled), event);
    }
}
