//! The proxy's console, to end what a client holds.

use weir_testkit::until;

use crate::client::{Answer, Client};
use crate::frames;
use crate::stage::{PATIENCE, Stage};

/// The console of the proxy.
pub(crate) struct Console(pub(crate) Client);

impl Console {
    /// A session of it.
    pub(crate) fn of(stage: &Stage) -> Self {
        Self(Client::open(stage.port(), "weir"))
    }

    /// The only client of the database that does this, once there is one.
    pub(crate) fn doing(&mut self, stage: &Stage, activity: &str) -> String {
        let what = format!("a client that is {activity}");
        let probe = || Ok(self.find(stage, activity));
        until(&what, PATIENCE, probe).unwrap()
    }

    fn find(&mut self, stage: &Stage, activity: &str) -> Option<String> {
        self.0.send(&frames::query("SHOW CLIENTS"));
        let columns = self.0.until(b'T').columns();
        let at = |name: &str| columns.iter().position(|column| column == name).unwrap();
        let (id, database, doing) = (at("id"), at("database"), at("activity"));
        let rows = self.0.answer().rows;
        let row =
            rows.iter().find(|row| row[database] == stage.database() && row[doing] == activity);
        row.map(|row| row[id].clone())
    }

    /// Gives an order about that client.
    pub(crate) fn order(&mut self, word: &str, id: &str) -> Answer {
        self.0.query(&format!("{word} {id}"))
    }

    /// Evicts the only transaction that waits for its client.
    pub(crate) fn evict(&mut self, stage: &Stage) {
        let victim = self.doing(stage, "idle in transaction");
        let answer = self.order("EVICT", &victim);
        assert_eq!(answer.tags, ["EVICT"], "{answer:?}");
    }
}
