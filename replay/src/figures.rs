//! What came of a run, in figures.

use serde::Serialize;

use crate::books::Books;
use crate::load::{Client, Outcome, Try};
use crate::plan::{PhaseName, Plan, ROUTES, Route};
use crate::run::{Event, Observed, Outage};
use crate::sampler::Sample;
use crate::setup::SetUp;

mod series;

pub use series::Second;

/// The figures of one set-up. *Under load* is what was sent from the start of the trigger to the
/// end of the reaction.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// The set-up.
    pub setup: SetUp,
    /// Most server connections seen at once, ours left out.
    pub connections_peak: i64,
    /// Mean time of a try under load, whatever its end. A refusal is quick: read it together with
    /// the success.
    pub mean_try_s: f64,
    /// Mean time of the good tries under load; none where there was none.
    pub mean_good_s: Option<f64>,
    /// Share of good tries under load.
    pub success: f64,
    /// Share of good tries sent in the exhaustion.
    pub success_exhausted: f64,
    /// Share of clients under load that were served in the end, each with all its tries.
    pub served: f64,
    /// Most long statements and transactions seen at once.
    pub long_peak: i64,
    /// Restarts by people.
    pub restarts: usize,
    /// Whole seconds in which less than half of the tries were good.
    pub seconds_below_half: usize,
    /// Share of innocent clients under load served within a second of their arrival.
    pub innocent_within_1s: f64,
    /// The same of those in whose second the service itself was there; none where there were none.
    pub innocent_within_1s_up: Option<f64>,
    /// Time until served of 50, 95 and 99 of 100 clients under load; none where that one never was.
    pub clients_p50_s: Option<f64>,
    /// As above.
    pub clients_p95_s: Option<f64>,
    /// As above.
    pub clients_p99_s: Option<f64>,
    /// From the end of the load until innocent clients are well served and stay so; none if never.
    pub recovery_s: Option<f64>,
    /// Each route by itself.
    pub routes: Vec<RouteFigures>,
    /// Whether everything adds up.
    pub books: Books,
    /// From the last client to the last notification.
    pub drained_after_s: f64,
    /// The latest that an arrival was sent after its time.
    pub lag_max_s: f64,
    /// What was done.
    pub events: Vec<Event>,
    /// Second by second.
    pub series: Vec<Second>,
    /// The samples of the server.
    pub samples: Vec<Sample>,
}

/// One route.
#[derive(Debug, Clone, Serialize)]
pub struct RouteFigures {
    /// Which.
    pub route: Route,
    /// Clients that arrived under load.
    pub clients: usize,
    /// Share of good tries under load.
    pub success: f64,
    /// Share of good tries sent in the exhaustion.
    pub success_exhausted: f64,
    /// Share of good tries sent in the exhaustion's second half: does it heal by itself?
    pub success_exhausted_late: f64,
    /// Mean time under load until a client was served or gave up.
    pub mean_client_s: f64,
}

/// A second counts as well served from this share of its innocent clients within a second each.
const WELL_SERVED: f64 = 0.99;

/// Whoever is served in less is served promptly.
const PROMPT_S: f64 = 1.0;

impl Figures {
    /// Computes them.
    #[must_use]
    pub fn of(observed: &Observed, plan: &Plan) -> Self {
        let Observed { setup, seen, samples, events, outages, books, drained_after_s } = observed;
        let load = Window::between(plan, PhaseName::Trigger, PhaseName::Recovery);
        let tries: Vec<Try> = seen.tries.iter().filter(|t| load.holds(t.sent_s)).copied().collect();
        let clients: Vec<Client> =
            seen.clients.iter().filter(|c| load.holds(c.arrived_s)).copied().collect();
        let good: Vec<f64> = tries.iter().filter(|t| is_good(t)).map(|t| t.took_s).collect();
        let innocent: Vec<&Client> = clients.iter().filter(|c| c.route.is_innocent()).collect();
        let series = series::seconds(seen, plan);
        let [clients_p50_s, clients_p95_s, clients_p99_s] =
            [0.5, 0.95, 0.99].map(|share| served_within(&clients, share));
        Self {
            setup: *setup,
            connections_peak: peak(samples, |sample| sample.connections),
            mean_try_s: mean(tries.iter().map(|t| t.took_s)).unwrap_or(0.0),
            mean_good_s: mean(good.iter().copied()),
            success: share(good.len(), tries.len()),
            success_exhausted: success_exhausted(&tries, plan),
            served: share(clients.iter().filter(|c| c.served).count(), clients.len()),
            long_peak: peak(samples, |sample| sample.long),
            restarts: events.iter().filter(|event| event.what.contains("restarted")).count(),
            seconds_below_half: series
                .iter()
                .filter(|s| s.success.is_some_and(|s| s < 0.5))
                .count(),
            innocent_within_1s: prompt(&innocent).unwrap_or(1.0),
            innocent_within_1s_up: prompt(&undisturbed(&innocent, outages)),
            clients_p50_s,
            clients_p95_s,
            clients_p99_s,
            recovery_s: recovery(&series, plan),
            routes: ROUTES.map(|route| route_figures(route, &seen.tries, &clients, plan)).into(),
            books: *books,
            drained_after_s: *drained_after_s,
            lag_max_s: seen.lag_max_s,
            events: events.clone(),
            series,
            samples: samples.clone(),
        }
    }

    /// One route's figures.
    #[must_use]
    pub fn route(&self, route: Route) -> Option<&RouteFigures> {
        self.routes.iter().find(|figures| figures.route == route)
    }
}

fn success_exhausted(tries: &[Try], plan: &Plan) -> f64 {
    let exhausted = Window::between(plan, PhaseName::Exhaustion, PhaseName::Reaction);
    let sent = || tries.iter().filter(|t| exhausted.holds(t.sent_s));
    share(sent().filter(|t| is_good(t)).count(), sent().count())
}

/// Clients in whose first second the service was there.
fn undisturbed<'a>(clients: &[&'a Client], outages: &[Outage]) -> Vec<&'a Client> {
    let meets = |c: &Client| {
        outages.iter().any(|o| c.arrived_s < o.to_s && c.arrived_s + PROMPT_S > o.from_s)
    };
    clients.iter().copied().filter(|c| !meets(c)).collect()
}

/// Share of them that was served promptly; none of nobody.
fn prompt(clients: &[&Client]) -> Option<f64> {
    let prompt = clients.iter().filter(|c| is_prompt(c)).count();
    (!clients.is_empty()).then(|| share(prompt, clients.len()))
}

/// A stretch of the run, in seconds; the end is outside.
#[derive(Debug, Clone, Copy)]
struct Window {
    from_s: f64,
    to_s: f64,
}

impl Window {
    fn between(plan: &Plan, from: PhaseName, to: PhaseName) -> Self {
        let at = |name| plan.start_of(name).as_secs_f64();
        Self { from_s: at(from), to_s: at(to) }
    }

    fn late(self) -> Self {
        Self { from_s: f64::midpoint(self.from_s, self.to_s), to_s: self.to_s }
    }

    fn holds(self, at_s: f64) -> bool {
        (self.from_s..self.to_s).contains(&at_s)
    }
}

fn route_figures(route: Route, tries: &[Try], clients: &[Client], plan: &Plan) -> RouteFigures {
    let exhausted = Window::between(plan, PhaseName::Exhaustion, PhaseName::Reaction);
    let load = Window::between(plan, PhaseName::Trigger, PhaseName::Recovery);
    let success = |window: Window| {
        let of = || tries.iter().filter(|t| t.route == route && window.holds(t.sent_s));
        share(of().filter(|t| is_good(t)).count(), of().count())
    };
    let mine = || clients.iter().filter(|c| c.route == route);
    RouteFigures {
        route,
        clients: mine().count(),
        success: success(load),
        success_exhausted: success(exhausted),
        success_exhausted_late: success(exhausted.late()),
        mean_client_s: mean(mine().map(|c| c.took_s)).unwrap_or(0.0),
    }
}

/// Time within which this share of the clients was served. A client never served waits for ever.
fn served_within(clients: &[Client], share: f64) -> Option<f64> {
    let mut times: Vec<f64> =
        clients.iter().map(|c| if c.served { c.took_s } else { f64::INFINITY }).collect();
    times.sort_by(f64::total_cmp);
    // The smallest time such that at least `share` of all are not above it.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=len")]
    let rank = (share * times.len() as f64).ceil() as usize;
    times.get(rank.saturating_sub(1)).copied().filter(|time| time.is_finite())
}

/// The first second after the load from which on every second is well served.
fn recovery(series: &[Second], plan: &Plan) -> Option<f64> {
    let end_s = plan.start_of(PhaseName::Recovery).as_secs_f64();
    let after = series.iter().filter(|second| second.from_s >= end_s);
    let mut bad = after.filter(|s| s.innocent_within_1s.is_some_and(|share| share < WELL_SERVED));
    let last_bad = bad.next_back();
    let recovered_s = last_bad.map_or(end_s, |second| second.from_s + 1.0);
    (recovered_s < plan.length().as_secs_f64()).then_some(recovered_s - end_s)
}

fn is_good(attempt: &Try) -> bool {
    attempt.outcome == Outcome::Good
}

fn is_prompt(client: &Client) -> bool {
    client.served && client.took_s <= PROMPT_S
}

fn peak(samples: &[Sample], of: impl Fn(&Sample) -> i64) -> i64 {
    samples.iter().map(of).max().unwrap_or(0)
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(arrived_s: f64, took_s: f64, served: bool) -> Client {
        Client { route: Route::Product, arrived_s, took_s, served }
    }

    #[test]
    fn a_client_never_served_waits_for_ever() {
        let clients: Vec<_> = (1_u32..=100).map(|n| client(0.0, f64::from(n), n <= 95)).collect();
        assert_eq!(served_within(&clients, 0.5), Some(50.0));
        assert_eq!(served_within(&clients, 0.95), Some(95.0));
        assert_eq!(served_within(&clients, 0.96), None);
        assert_eq!(served_within(&[], 0.5), None);
    }

    #[test]
    fn who_meets_an_outage_is_left_out() {
        let outage = Outage { from_s: 11.0, to_s: 12.0 };
        let clients = [9.9, 10.1, 11.5, 12.0].map(|at| client(at, 2.0, true));
        let all: Vec<_> = clients.iter().collect();
        let left: Vec<_> = undisturbed(&all, &[outage]).iter().map(|c| c.arrived_s).collect();
        assert_eq!(left, [9.9, 12.0]);
        assert_eq!(prompt(&all), Some(0.0), "served, and late");
        assert_eq!(prompt(&[]), None);
    }

    #[test]
    fn recovery_counts_from_the_end_of_the_load_to_the_last_bad_second() {
        let plan = Plan::incident(1, 1.0);
        let second = |from_s: f64, share| Second {
            from_s,
            innocent_within_1s: Some(share),
            success: Some(share),
            innocent_p95_s: None,
        };
        let run = |bad: &[f64]| -> Vec<_> {
            (0_u32..23)
                .map(f64::from)
                .map(|s| second(s, if bad.contains(&s) { 0.5 } else { 1.0 }))
                .collect()
        };
        assert_eq!(recovery(&run(&[]), &plan), Some(0.0));
        assert_eq!(recovery(&run(&[10.0, 14.0]), &plan), Some(0.0), "during the load");
        assert_eq!(recovery(&run(&[15.0, 18.0]), &plan), Some(4.0));
        assert_eq!(recovery(&run(&[22.0]), &plan), None);
    }
}
