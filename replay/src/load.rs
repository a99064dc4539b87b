//! Clients: each arrival is one, with a time limit and retries as real ones have.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::plan::{Arrival, Ask, Item, Route};

mod http;

pub use http::{Answer, Http};

/// How clients of a route behave.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// Time limit of one try.
    limit: Duration,
    /// Tries after the first.
    retries: u32,
    /// Pause before the first retry; doubled for the second. Drawn between half and one and a half.
    pause: Duration,
}

fn patience(route: Route) -> Patience {
    let (limit_ms, retries, pause_ms) = match route {
        // A page: somebody waits for it.
        Route::Product | Route::UserOrders => (3_000, 1, 500),
        // A report: somebody looks at a spinner.
        Route::Statistics => (8_000, 1, 1_000),
        // A job.
        Route::Bulk => (5_000, 2, 500),
    };
    let ms = Duration::from_millis;
    Patience { limit: ms(limit_ms), retries, pause: ms(pause_ms) }
}

/// How one try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// 2xx.
    Good,
    /// 4xx.
    Rejected,
    /// 5xx.
    Failed,
    /// No answer within the client's limit.
    TimedOut,
    /// No connection, or it broke.
    Broken,
}

/// One try of one client.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Try {
    /// What was asked.
    pub route: Route,
    /// When it was sent, from the start of the run.
    pub sent_s: f64,
    /// How long it took.
    pub took_s: f64,
    /// How it ended.
    pub outcome: Outcome,
}

/// One client, from its arrival to its last answer.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Client {
    /// What was asked.
    pub route: Route,
    /// When it arrived.
    pub arrived_s: f64,
    /// How long it took with all tries and pauses.
    pub took_s: f64,
    /// Whether it was served in the end.
    pub served: bool,
}

/// What a bulk client was told in the end.
#[derive(Debug, Clone)]
pub struct BulkRecord {
    /// The key its tries carried; reference of item `n` is `key:n`.
    pub key: String,
    /// What it asked.
    pub items: Vec<Item>,
    /// Items it was told stand; none where it was never told anything good.
    pub accepted: Vec<usize>,
    /// Whether a try ended without an answer, so that more may stand than was told.
    pub unsure: bool,
    /// Whether the last answer was an end: good, or rejected.
    pub ended: bool,
}

/// Everything the clients saw.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    /// All tries.
    pub tries: Vec<Try>,
    /// All clients.
    pub clients: Vec<Client>,
    /// All bulk clients.
    pub bulks: Vec<BulkRecord>,
    /// The latest that an arrival was sent after its time: how busy our own machine was.
    pub lag_max_s: f64,
}

/// A run's load.
#[derive(Clone)]
pub struct Load {
    http: Http,
    run: Arc<str>,
    begun: Instant,
    give_up: Instant,
    seed: u64,
    seen: Arc<Mutex<Seen>>,
}

impl Load {
    /// Clients of `http`, whose keys begin with `run`. The clock starts now; after `length` whoever
    /// still waits gives up.
    #[must_use]
    pub fn new(http: Http, run: &str, seed: u64, length: Duration) -> Self {
        let begun = Instant::now();
        let give_up = begun + length;
        Self { http, run: run.into(), begun, give_up, seed, seen: Arc::default() }
    }

    /// When the clock started.
    #[must_use]
    pub fn begun(&self) -> Instant {
        self.begun
    }

    /// Share of good tries among those that ended in the last `back`; none where none did.
    #[must_use]
    pub fn success_in_the_last(&self, back: Duration) -> Option<f64> {
        let from_s = self.begun.elapsed().saturating_sub(back).as_secs_f64();
        let seen = self.seen();
        let recent = || seen.tries.iter().filter(|t| t.sent_s + t.took_s >= from_s);
        let good = recent().filter(|t| t.outcome == Outcome::Good).count();
        let all = recent().count();
        (all > 0).then(|| good as f64 / all as f64)
    }

    /// Sends every arrival at its time, whatever became of those before, and waits for the last
    /// client to end.
    pub async fn drive(&self, arrivals: Vec<Arrival>) -> Seen {
        let mut clients = JoinSet::new();
        for arrival in arrivals {
            tokio::time::sleep_until(self.begun + arrival.at).await;
            clients.spawn(self.clone().client(arrival));
        }
        while clients.join_next().await.is_some() {}
        std::mem::take(&mut *self.seen())
    }

    /// Asks again for each bulk request that was left without an end, until it has one: what a job
    /// does that keeps its keys. Only for a service that honours them.
    /// Those that cannot be told within `limit` stay unsure.
    pub async fn settle(&self, seen: &mut Seen, limit: Duration) {
        let deadline = Instant::now() + limit;
        for record in seen.bulks.iter_mut().filter(|record| !record.ended) {
            record.unsure = true;
            while Instant::now() < deadline {
                let answer = self.http.bulk(&record.key, &record.items, limit).await;
                if let Answer::Told { accepted, outcome: Outcome::Good | Outcome::Rejected } =
                    answer
                {
                    record.accepted = accepted;
                    (record.unsure, record.ended) = (false, true);
                    break;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }

    async fn client(self, arrival: Arrival) {
        let route = arrival.ask.route();
        let patience = patience(route);
        let mut chance = fastrand::Rng::with_seed(self.seed ^ ((arrival.number as u64) << 1));
        let key = format!("{}-{}", self.run, arrival.number);
        let (mut served, mut unsure, mut ended) = (false, false, false);
        let mut accepted = Vec::new();
        for number in 0..=patience.retries {
            if number > 0 {
                let doubled = patience.pause * 2_u32.pow(number - 1);
                let pause = doubled.mul_f64(0.5 + chance.f64());
                if Instant::now() + pause >= self.give_up {
                    break;
                }
                tokio::time::sleep(pause).await;
            }
            let sent = Instant::now();
            if number == 0 {
                let mut seen = self.seen();
                seen.lag_max_s = seen.lag_max_s.max((sent - self.begun - arrival.at).as_secs_f64());
            }
            let limit = patience.limit.min(self.give_up - sent);
            let answer = self.http.ask(&key, &arrival.ask, limit).await;
            let outcome = answer.outcome();
            self.record_try(route, sent, outcome);
            unsure |= matches!(outcome, Outcome::TimedOut | Outcome::Broken);
            if let Answer::Told { accepted: told, .. } = answer {
                // A 503 in the middle of a request tells of items that stand, too.
                accepted = told;
            }
            served = outcome == Outcome::Good;
            ended = served || outcome == Outcome::Rejected;
            if ended {
                break;
            }
        }
        let arrived_s = arrival.at.as_secs_f64();
        let took_s = self.begun.elapsed().as_secs_f64() - arrived_s;
        let mut seen = self.seen();
        seen.clients.push(Client { route, arrived_s, took_s, served });
        if let Ask::Bulk(items) = arrival.ask {
            let unsure = unsure && !served;
            seen.bulks.push(BulkRecord { key, items, accepted, unsure, ended });
        }
    }

    fn record_try(&self, route: Route, sent: Instant, outcome: Outcome) {
        let sent_s = (sent - self.begun).as_secs_f64();
        let took_s = sent.elapsed().as_secs_f64();
        self.seen().tries.push(Try { route, sent_s, took_s, outcome });
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
