//! All quarantines of one worker: who is let in, who is turned away, and when each ends.

use std::sync::Arc;
use std::time::Duration;

use weir_wire::sql::Fingerprint;

use crate::config::limits::QUARANTINES;
use crate::ids::{ClientId, PoolId};
use crate::time::Instant;

use super::outcome::Subject;
use super::quarantine::{Admission, Quarantine};

/// A quarantine at whose door nobody knocked for as long is over.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

/// Who wanted something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The healer.
    Healer,
    /// Somebody on the console or over HTTP.
    Operator,
}

impl Origin {
    /// In a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healer => "healer",
            Self::Operator => "operator",
        }
    }
}

/// One quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ward {
    /// Whom it keeps out.
    pub subject: Subject,
    /// Of which pool; of all without.
    pub pool: Option<PoolId>,
    /// Who wanted it.
    pub origin: Origin,
    /// Why, in a sentence without a full stop.
    pub why: String,
    /// Since when.
    pub since: Instant,
    /// How it goes.
    pub state: Quarantine,
    /// Claims that were refused.
    pub refused: u64,
    /// The last claim, let in or not.
    knocked: Instant,
    probe: Option<Probe>,
}

/// Somebody who was let in to see how it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Probe {
    client: ClientId,
    /// How long it may hold its slot.
    allowed: Duration,
    /// When it got one.
    held: Option<Instant>,
}

/// A claim.
#[derive(Debug, Clone, Copy)]
pub struct Knock<'a> {
    /// Whose.
    pub client: ClientId,
    /// At which pool.
    pub pool: PoolId,
    /// Its class.
    pub route: &'a str,
    /// The statement it begins with, if that could be read.
    pub fingerprint: Option<Fingerprint>,
    /// How long one of its class may hold a slot and be well.
    pub allowed: Duration,
}

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pass {
    /// It may ask the pool.
    Free,
    /// The same, and its quarantine waits for its end.
    Probe,
    /// It is refused.
    Turned(Turned),
}

/// Why a claim is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turned {
    /// Who is kept out.
    pub subject: Subject,
    /// Why.
    pub why: String,
    /// Who wanted it.
    pub origin: Origin,
    /// When somebody is let in next, from now; zero while a probe is under way.
    pub next: Duration,
    /// A probe is under way.
    pub probing: bool,
}

/// How a probe ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeEnd {
    /// It gave its slot back.
    Released,
    /// It was ended, lost its connection, left, or never had a slot.
    Gone,
}

/// The quarantines.
#[derive(Debug, Clone, Default)]
pub struct Door {
    wards: Vec<Ward>,
    probes: u32,
}

impl Door {
    /// True when nobody is in quarantine: all claims are free.
    #[inline]
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.wards.is_empty()
    }

    /// True while somebody who was let in has not ended yet.
    #[inline]
    #[must_use]
    pub const fn is_probing(&self) -> bool {
        self.probes > 0
    }

    /// The quarantines.
    #[must_use]
    pub fn wards(&self) -> &[Ward] {
        &self.wards
    }

    /// Keeps somebody out from now on. False when that is so already, or when there are as many
    /// quarantines as there may be.
    pub fn close(
        &mut self,
        now: Instant,
        (subject, pool): (Subject, Option<PoolId>),
        (origin, why): (Origin, String),
    ) -> bool {
        let known =
            |ward: &Ward| ward.subject == subject && (ward.pool.is_none() || ward.pool == pool);
        if self.wards.iter().any(known) || self.wards.len() >= QUARANTINES {
            return false;
        }
        let state = Quarantine::new(now);
        let (since, knocked, refused, probe) = (now, now, 0, None);
        self.wards.push(Ward { subject, pool, origin, why, since, state, refused, knocked, probe });
        true
    }

    /// Lets them in again. False when nothing kept them out.
    pub fn open(&mut self, subject: &Subject) -> bool {
        self.keep(|ward| ward.subject != *subject)
    }

    /// Ends what the healer began; what operators did stays.
    pub fn lift(&mut self) -> bool {
        self.keep(|ward| ward.origin == Origin::Operator)
    }

    /// Ends those of a pool that is no more.
    pub fn forget(&mut self, pool: PoolId) {
        self.keep(|ward| ward.pool != Some(pool));
    }

    /// A claim comes.
    pub fn knock(&mut self, now: Instant, knock: &Knock<'_>) -> Pass {
        let mine = |ward: &&mut Ward| ward.is_about(knock);
        let Some(ward) = self.wards.iter_mut().find(mine) else { return Pass::Free };
        ward.knocked = now;
        match ward.state.admit(now) {
            Admission::Free => Pass::Free,
            Admission::Probe => {
                let (client, allowed) = (knock.client, knock.allowed);
                ward.probe = Some(Probe { client, allowed, held: None });
                self.probes += 1;
                Pass::Probe
            }
            Admission::Refused(next) => {
                ward.refused += 1;
                Pass::Turned(Turned {
                    subject: ward.subject.clone(),
                    why: ward.why.clone(),
                    origin: ward.origin,
                    next,
                    probing: ward.state.is_probing(),
                })
            }
        }
    }

    /// A client has a slot.
    pub fn granted(&mut self, now: Instant, client: ClientId) {
        for probe in self.wards.iter_mut().filter_map(|ward| ward.probe.as_mut()) {
            if probe.client == client {
                probe.held = Some(now);
            }
        }
    }

    /// A client that may be a probe has no slot any more, or will get none.
    pub fn ended(&mut self, now: Instant, client: ClientId, how: ProbeEnd) {
        for ward in &mut self.wards {
            let Some(probe) = ward.probe.take_if(|probe| probe.client == client) else { continue };
            self.probes = self.probes.saturating_sub(1);
            match (how, probe.held) {
                (ProbeEnd::Released, Some(held)) => {
                    ward.state.probed(now, now.since(held) <= probe.allowed);
                }
                (ProbeEnd::Gone, Some(_)) => ward.state.probed(now, false),
                (ProbeEnd::Released | ProbeEnd::Gone, None) => ward.state.withdrawn(),
            }
        }
        self.keep(|ward| !ward.state.is_over());
    }

    /// Gives probes up that hold their slots too long, and ends quarantines that nobody needs.
    pub fn look(&mut self, now: Instant) {
        for ward in &mut self.wards {
            let late =
                |probe: &mut Probe| probe.held.is_some_and(|held| now.since(held) > probe.allowed);
            if ward.probe.take_if(late).is_some() {
                self.probes = self.probes.saturating_sub(1);
                ward.state.probed(now, false);
            }
        }
        self.keep(|ward| ward.probe.is_some() || now.since(ward.knocked) < FORGOTTEN_AFTER);
    }

    fn keep(&mut self, which: impl Fn(&Ward) -> bool) -> bool {
        let before = self.wards.len();
        self.wards.retain(|ward| which(ward));
        self.probes = self.wards.iter().map(|ward| u32::from(ward.probe.is_some())).sum();
        self.wards.len() < before
    }
}

impl Ward {
    fn is_about(&self, knock: &Knock<'_>) -> bool {
        let here = self.pool.is_none_or(|pool| pool == knock.pool);
        here && match &self.subject {
            Subject::Route(route) => **route == *knock.route,
            Subject::Fingerprint(fingerprint) => knock.fingerprint == Some(*fingerprint),
            Subject::Holder(_) => false,
        }
    }
}

impl Subject {
    /// What it names, for people.
    #[must_use]
    pub fn name(&self) -> Arc<str> {
        match self {
            Self::Holder(server) => server.to_string().into(),
            Self::Route(route) => Arc::clone(route),
            Self::Fingerprint(fingerprint) => fingerprint.to_string().into(),
        }
    }

    /// What kind of thing that is.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Holder(_) => "server connection",
            Self::Route(_) => "route",
            Self::Fingerprint(_) => "statement",
        }
    }
}
