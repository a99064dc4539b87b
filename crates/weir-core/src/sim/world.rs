//! The world: what happens when, and who answers the pools' effects.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::ids::{BudgetId, ClientId, DialId, PoolId, ServerId, Ticket};
use crate::pool::{Chance, Checkout, DialError, Effect, Fault, Release};
use crate::time::Instant;

use super::books::{Conn, Phase};
use super::referee::{Judged, Referee, Violation};
use super::scenario::{Scenario, Weather, settings, small};

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

/// Something that will happen. Serial numbers and turns tell events that came too late.
#[derive(Debug, Clone, Copy)]
enum Event {
    Ask { client: u32, turn: u64 },
    Finish { client: u32, turn: u64 },
    GiveUp { client: u32, turn: u64 },
    Answer { server: ServerId, serial: u64 },
    Closed { server: ServerId, serial: u64 },
    Checked { server: ServerId, serial: u64 },
    Settled { server: ServerId, serial: u64 },
    Dies { server: ServerId, serial: u64 },
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
    budget: BudgetId,
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
        let budget = referee.add_budget(scenario.slots, Duration::from_millis(20));
        let add = |one: &_| referee.add_pool(budget, Clone::clone(one));
        let pools: Vec<_> = scenario.pools.iter().map(add).collect();
        let home = |client: u32| pools[client as usize % pools.len()];
        let client = |client| Client { pool: home(client), doing: Doing::Thinking, turn: 0 };
        let mut world = Self {
            scenario: scenario.clone(),
            referee,
            chance: Chance::new(!scenario.seed),
            events: BTreeMap::new(),
            scheduled: 0,
            clients: (0..scenario.clients).map(client).collect(),
            budget,
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
            Event::Answer { server, serial }
                if self.is_in(server, serial, Phase::Dialling)
                    || self.is_in(server, serial, Phase::Abandoned) =>
            {
                self.answer(server)
            }
            Event::Closed { server, serial } if self.is_in(server, serial, Phase::Closing) => {
                self.referee.closed(server)
            }
            Event::Checked { server, serial } if self.is_in(server, serial, Phase::Checking) => {
                self.check_ends(server)
            }
            Event::Settled { server, serial } if self.is_in(server, serial, Phase::Settling) => {
                self.settles(server)
            }
            Event::Dies { server, serial } => self.dies(server, serial),
            Event::Ask { .. }
            | Event::Finish { .. }
            | Event::GiveUp { .. }
            | Event::Answer { .. }
            | Event::Closed { .. }
            | Event::Checked { .. }
            | Event::Settled { .. } => Ok(()),
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
                    self.on(ServerId(dial.0), latency, |server, serial| Event::Answer {
                        server,
                        serial,
                    });
                }
                Effect::AbandonDial { dial } => {
                    self.on(ServerId(dial.0), Duration::from_millis(2), |server, serial| {
                        Event::Answer { server, serial }
                    });
                }
                Effect::Close { server, .. } => {
                    self.outcome.closed += 1;
                    self.on(server, Duration::from_millis(2), |server, serial| Event::Closed {
                        server,
                        serial,
                    });
                }
                Effect::Check { server } => {
                    self.outcome.checks += 1;
                    self.on(server, Duration::from_millis(3), |server, serial| Event::Checked {
                        server,
                        serial,
                    });
                }
                Effect::Drained => self.drained = true,
                Effect::Paused { .. } | Effect::Forgotten { .. } => {}
            }
        }
        Ok(())
    }

    fn ask(&mut self, client: u32) -> Judged {
        let pool = self.clients[client as usize].pool;
        match self.referee.checkout(pool, ClientId(client))? {
            Checkout::Granted(server) => {
                self.outcome.at_once += 1;
                self.hold(client, server);
            }
            Checkout::Queued(ticket) => {
                let turn = self.turn(client, Doing::Waiting(ticket));
                if self.chance.percent(self.scenario.giving_up_percent) {
                    self.within(Duration::from_millis(100), Event::GiveUp { client, turn });
                }
            }
            Checkout::Refused(_) => {
                self.outcome.refused += 1;
                self.think(client);
            }
        }
        Ok(())
    }

    fn hold(&mut self, client: u32, server: ServerId) {
        let turn = self.turn(client, Doing::Holding(server));
        let stretch = if self.chance.percent(3) { 20 } else { 1 };
        self.within(self.scenario.hold * stretch, Event::Finish { client, turn });
        if self.chance.percent(self.scenario.faults_percent) {
            self.on(server, self.scenario.hold * 2, |server, serial| Event::Dies {
                server,
                serial,
            });
        }
    }

    fn finish(&mut self, client: u32) -> Judged {
        let Doing::Holding(server) = self.clients[client as usize].doing else { return Ok(()) };
        self.think(client);
        let faults = self.scenario.faults_percent;
        if self.chance.percent(faults) {
            return self.referee.release(server, Release::Broken);
        }
        if self.chance.percent(faults) {
            self.on(server, Duration::from_millis(20), |server, serial| Event::Settled {
                server,
                serial,
            });
            return self.referee.release(server, Release::Settling);
        }
        self.referee.release(server, Release::Reusable)
    }

    fn give_up(&mut self, client: u32) -> Judged {
        if let Doing::Waiting(ticket) = self.clients[client as usize].doing {
            self.referee.withdraw(ticket)?;
            self.think(client);
        }
        Ok(())
    }

    fn answer(&mut self, server: ServerId) -> Judged {
        let dial = DialId(server.0);
        let given_up = self.referee.conn(server).is_some_and(|conn| conn.phase == Phase::Abandoned);
        let fault = |sqlstate: &[u8; 5], message: &str| Fault {
            sqlstate: *sqlstate,
            message: Arc::from(message),
        };
        match self.weather {
            Weather::Fair => self.referee.connected(dial),
            Weather::Down => {
                let error = fault(b"08001", "connection refused");
                self.referee.dial_failed(dial, DialError::Transient(error))
            }
            Weather::Denying => {
                let error = fault(b"28P01", "password authentication failed");
                self.referee.dial_failed(dial, DialError::Permanent(error))
            }
            Weather::Hanging if given_up => {
                let error = fault(b"08001", "given up");
                self.referee.dial_failed(dial, DialError::Transient(error))
            }
            Weather::Hanging => {
                self.on(server, Duration::from_millis(50), |server, serial| Event::Answer {
                    server,
                    serial,
                });
                Ok(())
            }
        }
    }

    fn check_ends(&mut self, server: ServerId) -> Judged {
        match self.weather {
            Weather::Hanging => Ok(()),
            Weather::Fair => {
                let ok = !self.chance.percent(self.scenario.faults_percent);
                self.referee.checked(server, ok)
            }
            Weather::Down | Weather::Denying => self.referee.checked(server, true),
        }
    }

    fn settles(&mut self, server: ServerId) -> Judged {
        match self.weather {
            Weather::Hanging => Ok(()),
            Weather::Fair | Weather::Down | Weather::Denying => self.referee.settled(server),
        }
    }

    fn dies(&mut self, server: ServerId, serial: u64) -> Judged {
        match self.referee.conn(server).filter(|conn| conn.serial == serial) {
            None | Some(Conn { phase: Phase::Dialling | Phase::Abandoned, .. }) => return Ok(()),
            Some(Conn { phase: Phase::Held(client), .. }) => {
                let client = client.0;
                self.think(client);
            }
            Some(Conn {
                phase: Phase::Free(_) | Phase::Settling | Phase::Checking | Phase::Closing,
                ..
            }) => {}
        }
        self.referee.lost(server)
    }

    fn change_weather(&mut self) -> Judged {
        if self.referee.now() >= self.storm_ends {
            return Ok(());
        }
        let next = match self.chance.below(6) {
            0 => Weather::Down,
            1 => Weather::Hanging,
            2 => Weather::Denying,
            _ => Weather::Fair,
        };
        self.set_weather(next);
        if next == Weather::Down || self.chance.percent(10) {
            let open: Vec<_> =
                self.referee.conns().map(|(server, conn)| (server, conn.serial)).collect();
            for (server, serial) in open {
                self.on(server, Duration::from_millis(1), |_, _| Event::Dies { server, serial });
            }
        }
        self.within(self.scenario.weather_every * 2, Event::Weather);
        Ok(())
    }

    fn set_weather(&mut self, next: Weather) {
        match (self.weather == Weather::Fair, next == Weather::Fair) {
            (true, false) => self.referee.outage_begins(),
            (false, true) => self.referee.outage_ends(),
            (true, true) | (false, false) => {}
        }
        self.weather = next;
    }

    fn operate(&mut self) -> Judged {
        if self.referee.now() >= self.storm_ends {
            return Ok(());
        }
        self.within(self.scenario.operator_every * 2, Event::Operator);
        let at = self.chance.below(self.clients.len() as u64);
        let pool = self.clients[usize::try_from(at).unwrap_or(0)].pool;
        match self.chance.below(7) {
            0 => self.referee.pause(pool),
            1 | 2 => self.referee.resume(pool),
            3 => self.referee.reconnect(pool),
            4 => self.referee.let_go_idle(pool),
            5 => self.reconfigure(pool),
            _ => {
                let slots = self.scenario.slots.saturating_sub(2) + small(&mut self.chance, 5);
                self.referee.set_budget(self.budget, slots)
            }
        }
    }

    /// New sizes and times, but the same back-off, so that its promise stays comparable.
    fn reconfigure(&mut self, pool: PoolId) -> Judged {
        let before = &self.scenario.pools[pool.0 as usize];
        let mut after = settings(&mut self.chance);
        after.retry = before.retry;
        after.dials_parallel_max = before.dials_parallel_max;
        after.size_min = before.size_min.min(after.size_max);
        self.referee.reconfigure(pool, after)
    }

    /// Ends all that is wrong with the world.
    fn clear_up(&mut self) -> Judged {
        self.set_weather(Weather::Fair);
        self.referee.set_budget(self.budget, self.scenario.slots)?;
        for pool in self.referee.pool_ids().collect::<Vec<_>>() {
            self.referee.resume(pool)?;
        }
        self.perform()
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
        if left.is_none() && self.drained && self.referee.pools().budget(self.budget).used == 0 {
            return Ok(());
        }
        Err(self.violation(format!("not drained ({}): {left:?}", self.drained)))
    }

    fn violation(&self, what: String) -> Violation {
        Violation { at: self.referee.now(), what }
    }

    /// Sets a client thinking; while the storm lasts it asks again.
    fn think(&mut self, client: u32) {
        let turn = self.turn(client, Doing::Thinking);
        if self.referee.now() < self.storm_ends {
            self.within(self.scenario.think, Event::Ask { client, turn });
        }
    }

    fn turn(&mut self, client: u32, doing: Doing) -> u64 {
        let one = &mut self.clients[client as usize];
        one.doing = doing;
        one.turn += 1;
        one.turn
    }

    fn is_turn(&self, client: u32, turn: u64) -> bool {
        self.clients[client as usize].turn == turn
    }

    fn is_in(&self, server: ServerId, serial: u64, phase: Phase) -> bool {
        self.referee.conn(server).is_some_and(|conn| conn.serial == serial && conn.phase == phase)
    }

    /// Schedules an event about the connection that has this id now.
    fn on(&mut self, server: ServerId, span: Duration, event: impl Fn(ServerId, u64) -> Event) {
        if let Some(conn) = self.referee.conn(server) {
            let serial = conn.serial;
            self.within(span, event(server, serial));
        }
    }

    /// Schedules an event at some moment within `span` from now.
    fn within(&mut self, span: Duration, event: Event) {
        let at = self.referee.now() + self.chance.up_to(span);
        self.scheduled += 1;
        self.events.insert((at, self.scheduled), event);
    }
}
