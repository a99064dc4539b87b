//! A record in words, and who it is about.

use crate::diagnosis::Culprit;
use crate::ids::Pid;

use super::outcome::{Record, Subject};
use super::sums::{Sum, Tallied};

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

impl Sum {
    /// What it amounts to, for people: where nothing was done, what doing it would have saved.
    #[must_use]
    pub fn told(&self, how: Tallied) -> String {
        let saved = match how {
            Tallied::Done => "",
            Tallied::Observed | Tallied::Warned | Tallied::Withheld => {
                ", which enforcing would have saved"
            }
        };
        format!(
            "{} actions for {} slots, {} of {} measured helped; slots were held on for {:.1} s \
             while others waited{saved}",
            self.count,
            self.slots,
            self.helped,
            self.measured,
            self.kept.as_secs_f64()
        )
    }
}
