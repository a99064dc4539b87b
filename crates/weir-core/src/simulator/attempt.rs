//! One attempt of a request: from the application's door to the end of its transaction.

use std::time::Duration;

use crate::dispatch::Claim;
use crate::ids::{ClassId, ClientId, ServerId, Ticket};
use crate::pool::{Chance, Checkout, Release};
use crate::time::Instant;

use super::draw::spread;
use super::engine::{Event, Simulation};

/// Where an attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Before the application.
    Outside,
    /// Waits for a server connection.
    Waiting(Ticket),
    /// Waits for a lock, with a server connection.
    Locked,
    /// A statement runs.
    Executing,
    /// The transaction waits for the application.
    Calling,
    /// Waits for a second server connection.
    Nesting(Option<Ticket>),
    /// Over.
    Over,
}

/// One attempt.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) journey: u32,
    pub(super) stage: Stage,
    /// Its client does not wait for it any more.
    pub(super) ghost: bool,
    pub(super) servers: [Option<ServerId>; 2],
    /// When it had its last server connection.
    granted: Instant,
    /// When its stage began.
    pub(super) since: Instant,
    pub(super) chance: Chance,
    /// Statements with their calls that it has yet to do.
    rounds: u32,
    /// It was sent in the trouble.
    counts: bool,
    /// It is inside the application.
    inside: bool,
}

impl Simulation<'_> {
    /// A client sends a request, for the first time or again.
    pub(super) fn send(&mut self, journey: u32) {
        let index = u32::try_from(self.attempts.len()).unwrap_or(u32::MAX);
        let tries = self.journeys[journey as usize].tries_left;
        let (from, to) = self.plan.trouble();
        let seed = self.plan.seed ^ (u64::from(journey) << 8 | u64::from(tries));
        self.attempts.push(Attempt {
            journey,
            stage: Stage::Outside,
            ghost: false,
            servers: [None; 2],
            granted: self.now,
            since: self.now,
            rounds: self.plan.classes[self.journeys[journey as usize].class].rounds,
            counts: (from..to).contains(&self.now),
            chance: Chance::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            inside: false,
        });
        let patience = Duration::from_millis(self.class_of(index).patience_ms);
        self.after(patience, Event::Patience(index));
        self.outcome.tries += u64::from((from..to).contains(&self.now));
        if self.plan.is_restarting(self.now) {
            return self.fail(index);
        }
        if self.application.enter(index) {
            self.start(index);
        }
    }

    /// The application turns to the request.
    fn start(&mut self, index: u32) {
        self.attempts[index as usize].inside = true;
        if let Some(answer) = self.ask(index) {
            self.attempts[index as usize].stage = Stage::Waiting(answer);
        }
    }

    /// Asks the proxy for a server connection; a ticket when the attempt waits.
    fn ask(&mut self, index: u32) -> Option<Ticket> {
        if self.is_turned_away(index) {
            self.outcome.refused += 1;
            self.outcome.refused_early += 1;
            self.fail(index);
            return None;
        }
        let journey = self.attempts[index as usize].journey;
        let class = self.plan.said_to_be(self.now, self.journeys[journey as usize].class);
        let id = ClassId(u32::try_from(class).unwrap_or(0) + 1);
        let claim = Claim { client: ClientId(index), class: id, affinity: None, user: journey + 1 };
        let proxy = self.proxy_of(index);
        let (now, pool) = (self.now, self.proxies[proxy].pool);
        match self.proxies[proxy].pools.checkout(now, pool, claim) {
            Checkout::Granted(server) => self.granted(index, server),
            Checkout::Queued(ticket) => return Some(ticket),
            Checkout::Refused(refusal) => {
                self.count_refusal(&refusal);
                self.fail(index);
            }
        }
        None
    }

    /// The attempt has a server connection: its first, or the second it takes.
    pub(super) fn granted(&mut self, index: u32, server: ServerId) {
        let attempt = &mut self.attempts[index as usize];
        if attempt.stage == Stage::Over {
            let proxy = self.proxy_of(index);
            return self.proxies[proxy].pools.release(self.now, server, Release::Reusable);
        }
        attempt.granted = self.now;
        attempt.since = self.now;
        if attempt.servers[0].is_some() {
            attempt.servers[1] = Some(server);
            return self.finish(index);
        }
        attempt.servers[0] = Some(server);
        attempt.stage = Stage::Locked;
        self.probe_granted(index);
        let lock = self.class_of(index).lock.clone();
        if lock.is_none_or(|name| self.database.lock(&name, index)) {
            self.execute(index);
        }
    }

    /// The statement runs.
    fn execute(&mut self, index: u32) {
        let present = self.present_of(index);
        let even = self.class_of(index).even;
        let attempt = &mut self.attempts[index as usize];
        attempt.stage = Stage::Executing;
        attempt.since = self.now;
        let usual = spread(&mut attempt.chance, present.sql, even);
        let span = self.database.begin(usual);
        self.after(span, Event::Executed(index));
    }

    /// The statement is over.
    pub(super) fn executed(&mut self, index: u32) {
        if self.attempts[index as usize].stage != Stage::Executing {
            return;
        }
        self.database.end();
        let class = self.class_of(index);
        let (nested, leak, even) = (class.nested, class.leak_percent, class.even);
        let call = self.present_of(index).call;
        let attempt = &mut self.attempts[index as usize];
        attempt.stage = Stage::Calling;
        attempt.since = self.now;
        let leaks = attempt.chance.percent(leak);
        let span = spread(&mut attempt.chance, call, even);
        if let Some(limit) = self.rule.kills_after() {
            self.after(limit, Event::Kill(index));
        }
        match (leaks, nested, call.is_zero()) {
            (true, ..) => {}
            (false, true, _) => {
                self.attempts[index as usize].stage = Stage::Nesting(None);
                if let Some(ticket) = self.ask(index) {
                    self.attempts[index as usize].stage = Stage::Nesting(Some(ticket));
                }
            }
            (false, false, true) => self.finish(index),
            (false, false, false) => self.after(span, Event::Called(index)),
        }
    }

    /// The outside call has its answer.
    pub(super) fn called(&mut self, index: u32) {
        let attempt = &mut self.attempts[index as usize];
        if attempt.stage != Stage::Calling {
            return;
        }
        attempt.rounds -= 1;
        if attempt.rounds > 0 { self.execute(index) } else { self.finish(index) }
    }

    /// The transaction ends well.
    fn finish(&mut self, index: u32) {
        let attempt = &self.attempts[index as usize];
        if !attempt.ghost {
            self.outcome.good += u64::from(attempt.counts);
            let journey = &mut self.journeys[attempt.journey as usize];
            journey.took = Some(attempt.granted - journey.started);
        }
        self.conclude(index, Release::Reusable);
    }

    /// The attempt gets an error; its client may try again.
    pub(super) fn fail(&mut self, index: u32) {
        let ghost = std::mem::replace(&mut self.attempts[index as usize].ghost, true);
        self.conclude(index, Release::Reusable);
        if !ghost {
            self.retry(index);
        }
    }

    /// The transaction is ended by force, its connection closed.
    pub(super) fn kill(&mut self, index: u32) {
        if self.attempts[index as usize].stage != Stage::Calling {
            return;
        }
        self.outcome.killed += 1;
        let ghost = std::mem::replace(&mut self.attempts[index as usize].ghost, true);
        self.conclude(index, Release::Broken);
        if !ghost {
            self.retry(index);
        }
    }

    /// The client waits no longer for this attempt.
    pub(super) fn give_up(&mut self, index: u32) {
        let attempt = &mut self.attempts[index as usize];
        if attempt.stage == Stage::Over || std::mem::replace(&mut attempt.ghost, true) {
            return;
        }
        if let Stage::Waiting(ticket) = attempt.stage
            && self.application.can_withdraw()
        {
            let proxy = self.proxy_of(index);
            self.proxies[proxy].pools.withdraw(self.now, ticket);
            self.conclude(index, Release::Reusable);
        }
        self.retry(index);
    }

    /// The application is restarted: everything it was doing is lost.
    pub(super) fn restart(&mut self) {
        self.application.empty();
        self.turn_to.clear();
        for index in 0..self.attempts.len() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            let stage = self.attempts[index as usize].stage;
            if let Stage::Waiting(ticket) | Stage::Nesting(Some(ticket)) = stage {
                let proxy = self.proxy_of(index);
                self.proxies[proxy].pools.withdraw(self.now, ticket);
            }
            if stage != Stage::Over {
                self.fail(index);
            }
        }
    }

    fn retry(&mut self, index: u32) {
        let number = self.attempts[index as usize].journey;
        let class = self.class_of(index);
        let (longest, back_off) = (Duration::from_millis(class.retry_ms), class.back_off_ms);
        let journey = &mut self.journeys[number as usize];
        if journey.tries_left > 0 {
            let made = class.retries - journey.tries_left;
            journey.tries_left -= 1;
            let chance = &mut self.attempts[index as usize].chance;
            let pause = match back_off.map(Duration::from_millis) {
                None => chance.up_to(longest),
                Some(first) => {
                    let usual = first.saturating_mul(1 << made.min(16));
                    usual / 2 + chance.up_to(usual)
                }
            };
            self.after(pause, Event::Send(number));
        }
    }

    /// Gives everything back that the attempt has.
    fn conclude(&mut self, index: u32, how: Release) {
        let attempt = &mut self.attempts[index as usize];
        if attempt.stage == Stage::Executing {
            self.database.end();
        }
        attempt.stage = Stage::Over;
        let ghost = attempt.ghost;
        let inside = std::mem::take(&mut attempt.inside);
        let servers = std::mem::take(&mut attempt.servers);
        if servers[0].is_some()
            && let Some(name) = self.class_of(index).lock.clone()
            && let Some(next) = self.database.unlock(&name, index)
        {
            self.execute(next);
        }
        self.probe_ended(index, ghost, how);
        let proxy = self.proxy_of(index);
        for server in servers.into_iter().flatten() {
            self.proxies[proxy].pools.release(self.now, server, how);
        }
        let next = if inside { self.application.leave() } else { None };
        if let Some(next) = next {
            self.turn_to.push_back(next);
        }
    }

    /// The application turns to requests that waited before it.
    pub(super) fn turn_to_backlog(&mut self) {
        while let Some(next) = self.turn_to.pop_front() {
            self.start(next);
        }
    }
}
