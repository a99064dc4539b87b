//! The virtual PostgreSQL: what it answers, and when it fails.

use std::sync::Arc;
use std::time::Duration;

use crate::ids::{DialId, ServerId};
use crate::pool::{DialError, Fault};
use crate::sim::books::{Conn, Phase};
use crate::sim::referee::Judged;
use crate::sim::scenario::Weather;

use super::{Event, Subject, World};

impl World {
    pub(super) fn answer(&mut self, server: ServerId) -> Judged {
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
                self.on(server, Duration::from_millis(50), Event::Answer);
                Ok(())
            }
        }
    }

    pub(super) fn check_ends(&mut self, server: ServerId) -> Judged {
        match self.weather {
            Weather::Hanging => Ok(()),
            Weather::Fair => {
                let ok = !self.chance.percent(self.scenario.faults_percent);
                self.referee.checked(server, ok)
            }
            Weather::Down | Weather::Denying => self.referee.checked(server, true),
        }
    }

    pub(super) fn settles(&mut self, server: ServerId) -> Judged {
        match self.weather {
            Weather::Hanging => Ok(()),
            Weather::Fair | Weather::Down | Weather::Denying => self.referee.settled(server),
        }
    }

    pub(super) fn dies(&mut self, subject: Subject) -> Judged {
        match self.find(subject) {
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
        self.referee.lost(subject.server)
    }

    pub(super) fn change_weather(&mut self) -> Judged {
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
            let open: Vec<_> = self.referee.conns().map(|(server, _)| server).collect();
            for server in open {
                self.on(server, Duration::from_millis(1), Event::Dies);
            }
        }
        self.within(self.scenario.weather_every * 2, Event::Weather);
        Ok(())
    }

    pub(super) fn set_weather(&mut self, next: Weather) {
        match (self.weather == Weather::Fair, next == Weather::Fair) {
            (true, false) => self.referee.outage_begins(),
            (false, true) => self.referee.outage_ends(),
            (true, true) | (false, false) => {}
        }
        self.weather = next;
    }
}
