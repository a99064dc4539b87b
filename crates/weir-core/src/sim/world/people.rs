//! What clients do.

use std::time::Duration;

use crate::ids::{ClientId, ServerId};
use crate::pool::{Checkout, Release};
use crate::sim::referee::Judged;

use super::{Doing, Event, World};

impl World {
    pub(super) fn ask(&mut self, client: u32) -> Judged {
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

    pub(super) fn hold(&mut self, client: u32, server: ServerId) {
        let turn = self.turn(client, Doing::Holding(server));
        let stretch = if self.chance.percent(3) { 20 } else { 1 };
        self.within(self.scenario.hold * stretch, Event::Finish { client, turn });
        if self.chance.percent(self.scenario.faults_percent) {
            self.on(server, self.scenario.hold * 2, Event::Dies);
        }
    }

    pub(super) fn finish(&mut self, client: u32) -> Judged {
        let Doing::Holding(server) = self.clients[client as usize].doing else { return Ok(()) };
        self.think(client);
        let faults = self.scenario.faults_percent;
        if self.chance.percent(faults) {
            return self.referee.release(server, Release::Broken);
        }
        if self.chance.percent(faults) {
            self.on(server, Duration::from_millis(20), Event::Settled);
            return self.referee.release(server, Release::Settling);
        }
        self.referee.release(server, Release::Reusable)
    }

    pub(super) fn give_up(&mut self, client: u32) -> Judged {
        if let Doing::Waiting(ticket) = self.clients[client as usize].doing {
            self.referee.withdraw(ticket)?;
            self.think(client);
        }
        Ok(())
    }

    /// Sets a client thinking; while the storm lasts it asks again.
    pub(super) fn think(&mut self, client: u32) {
        let turn = self.turn(client, Doing::Thinking);
        if self.referee.now() < self.storm_ends {
            self.within(self.scenario.think, Event::Ask { client, turn });
        }
    }

    pub(super) fn turn(&mut self, client: u32, doing: Doing) -> u64 {
        let one = &mut self.clients[client as usize];
        one.doing = doing;
        one.turn += 1;
        one.turn
    }

    pub(super) fn is_turn(&self, client: u32, turn: u64) -> bool {
        self.clients[client as usize].turn == turn
    }
}
