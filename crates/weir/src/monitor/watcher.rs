//! Looks at one server again and again. There is an answer about it at any time: when the server
//! is silent or gone, that is the answer.

use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval, timeout};
use weir_core::activity::{Contact, Picture, Proxy, Sample, Tracker, Trend};
use weir_core::diagnosis::health::Health;
use weir_core::diagnosis::{Thresholds, diagnose};

use super::line::{Failure, Line, Means};
use super::target::Target;

/// The pause between attempts to connect, when the interval is shorter.
const DIAL_PAUSE_MIN: Duration = Duration::from_millis(500);

/// Sessions younger than this may be a storm's.
const YOUNG: Duration = Duration::from_secs(10);

/// What was last seen of a server.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The answer when it was made.
    pub health: Health,
    /// When the sample in it was taken; `None` without one.
    pub sampled: Option<Instant>,
}

impl Seen {
    /// The answer as it is now: with the age of the sample.
    #[must_use]
    pub fn now(&self) -> Health {
        let age = self.sampled.map(|at| u64::try_from(at.elapsed().as_millis()));
        let sample_age_ms = age.map(|millis| millis.unwrap_or(u64::MAX));
        Health { sample_age_ms, ..self.health.clone() }
    }
}

/// Who gives a watcher what it does not see itself, and takes what it finds.
pub trait Surroundings {
    /// What counts as long, many, near, at this moment.
    fn thresholds(&self) -> Thresholds;
    /// The proxy before the server, where there is one.
    fn proxy(&mut self, server: &str) -> impl Future<Output = Option<Proxy>> + Send;
    /// Takes the answer.
    fn publish(&mut self, server: &str, seen: Seen);
}

/// Looks at one server.
#[derive(Debug)]
pub struct Watcher {
    target: Target,
    means: Means,
    /// When the guard began: the beginning of its clock.
    started: Instant,
    /// When the server last answered; at first, when the guard began.
    heard: Instant,
    line: Option<Line>,
    tracker: Tracker,
    last: Option<(Sample, Trend, Instant)>,
}

impl Watcher {
    /// Prepares to look at a server.
    #[must_use]
    pub fn new(target: Target) -> Self {
        let now = Instant::now();
        Self {
            target,
            means: Means::default(),
            started: now,
            heard: now,
            line: None,
            tracker: Tracker::default(),
            last: None,
        }
    }

    /// Looks once: connects where that is needed, and asks.
    pub async fn look(&mut self, surroundings: &mut impl Surroundings) -> Seen {
        let contact = self.contact().await;
        self.judge(contact, surroundings).await
    }

    /// Whether one look is not enough: connections are scarce and most are young, so it may be a
    /// storm, which only a rate can tell.
    #[must_use]
    pub fn needs_a_rate(&self, near_percent: u8) -> bool {
        self.last.as_ref().is_some_and(|(sample, ..)| {
            let near = u64::from(sample.facts.limits.ordinary()) * u64::from(near_percent);
            u64::from(sample.used()) * 100 >= near && sample.is_mostly_younger(YOUNG)
        })
    }

    /// Looks every `every`, for ever. While an answer is awaited, the silence is published at the
    /// same pace.
    pub async fn watch(mut self, every: Duration, mut surroundings: impl Surroundings + Send) {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let contact = self.contact_or_silence(every, &mut surroundings).await;
            let dead = contact != Contact::Up;
            let seen = self.judge(contact, &mut surroundings).await;
            surroundings.publish(&self.target.name, seen);
            if dead {
                tokio::time::sleep(DIAL_PAUSE_MIN).await;
            }
        }
    }

    /// Closes the connection.
    pub async fn close(self) {
        if let Some(line) = self.line {
            line.close().await;
        }
    }

    /// Asks, and publishes the silence as long as there is no answer.
    async fn contact_or_silence(
        &mut self,
        every: Duration,
        surroundings: &mut (impl Surroundings + Send),
    ) -> Contact {
        // Silence goes on over attempts; before the first answer there is none.
        let since = if self.last.is_some() { self.heard } else { Instant::now() };
        let (name, last) = (self.target.name.clone(), self.last.clone());
        let contact = self.contact();
        tokio::pin!(contact);
        loop {
            if let Ok(contact) = timeout(every, &mut contact).await {
                return contact;
            }
            let silence = Contact::Silent(since.elapsed());
            let picture = draw(silence, None, None, surroundings.thresholds());
            surroundings.publish(&name, answer(&name, &picture, last.as_ref()));
        }
    }

    /// The server's answer, as a sample kept in `last`, or why there is none.
    async fn contact(&mut self) -> Contact {
        match self.sample().await {
            Ok(sample) => {
                let trend = self.tracker.note(&sample);
                self.heard = Instant::now();
                self.last = Some((sample, trend, self.heard));
                Contact::Up
            }
            Err(failure) => {
                self.line = None;
                match failure {
                    Failure::Lost(why) => Contact::Lost(self.heard.elapsed(), why),
                    Failure::Full(why) => Contact::Full(why),
                    Failure::Refused(why) => Contact::Refused(why),
                    Failure::Late => Contact::Silent(self.heard.elapsed()),
                }
            }
        }
    }

    async fn sample(&mut self) -> Result<Sample, Failure> {
        if self.line.is_none() {
            self.line = Some(Line::open(&self.target.spec, &self.means).await?);
        }
        match &mut self.line {
            Some(line) => line.sample(self.started).await,
            None => Err(Failure::Lost("not connected".into())),
        }
    }

    async fn judge(&self, contact: Contact, surroundings: &mut impl Surroundings) -> Seen {
        let proxy = surroundings.proxy(&self.target.name).await;
        let fresh = self.last.as_ref().filter(|_| contact == Contact::Up);
        let picture = draw(contact, fresh, proxy, surroundings.thresholds());
        answer(&self.target.name, &picture, self.last.as_ref())
    }
}

/// What is old is no part of a picture: nothing is concluded from it.
fn draw(
    contact: Contact,
    fresh: Option<&(Sample, Trend, Instant)>,
    proxy: Option<Proxy>,
    thresholds: Thresholds,
) -> Picture {
    let (sample, trend) = match fresh {
        Some((sample, trend, _)) => (Some(sample.clone()), *trend),
        None => (None, Trend::default()),
    };
    Picture::new(contact, sample, trend, proxy, thresholds)
}

fn answer(name: &str, picture: &Picture, last: Option<&(Sample, Trend, Instant)>) -> Seen {
    let health = Health::of(name, picture, last.map(|(sample, ..)| sample), diagnose(picture));
    Seen { health, sampled: last.map(|(_, _, at)| *at) }
}
