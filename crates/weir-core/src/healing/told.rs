//! A record in words, and who it is about.

use crate::diagnosis::Culprit;
use crate::ids::Pid;

use super::outcome::{Record, Subject};

impl Record {
    /// What it is about, for people.
    #[must_use]
    pub fn target(&self) -> String {
        match (&self.subject, self.who.client) {
            (Subject::Holder(_), Some(client)) => {
                format!("route {}, client {} of {}", self.route, client.0, self.who.address)
            }
            (Subject::Holder(_), None) => format!("route {}", self.route),
            (Subject::Route(route), _) => format!("route {route}"),
            (Subject::Fingerprint(fingerprint), _) => {
                format!("statement {fingerprint} of route {}", self.route)
            }
        }
    }

    /// Who it is about, for incidents.
    #[must_use]
    pub fn culprit(&self) -> Culprit {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Culprit {
            route: some(&self.route),
            application: some(&self.who.application),
            user: some(&self.who.user),
            database: some(&self.who.database),
            address: some(&self.who.address),
            pid: self.who.backend.map(Pid),
            ..Culprit::default()
        }
    }
}
