//! What the replay is meant to show, held against the figures.

use serde::Serialize;

use crate::figures::{Figures, RouteFigures};
use crate::plan::Route;
use crate::report::Report;
use crate::setup::SetUp;

/// A claim and whether the figures bear it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// The set-up it is about.
    pub setup: SetUp,
    /// What should be so.
    pub claim: String,
    /// What was measured.
    pub measured: String,
    /// Whether it is so.
    pub holds: bool,
}

/// Usable connections of the server: 100 less the 3 reserved for superusers.
const USABLE: i64 = 97;
/// The story's own results, to be reached.
const CONNECTIONS_MAX: i64 = 45;
const SUCCESS_MIN: f64 = 0.998;
const LONG_MAX: i64 = 2;
/// What a proxy alone is to reach.
const INNOCENT_MIN: f64 = 0.99;
const SAVES: f64 = 5.0;
const BUDGET: i64 = 40;
const RECOVERY_MAX_S: f64 = 5.0;
/// How much quicker than the story, in the two endpoints.
const QUICKER: f64 = 15.0;
/// Below this share of good answers a route is down.
const DOWN: f64 = 0.2;

/// Every claim on every set-up that was run.
#[must_use]
pub fn claims(report: &Report) -> Vec<Claim> {
    let story = report.set_ups.iter().find(|figures| figures.setup == SetUp::Story);
    report.set_ups.iter().flat_map(|figures| of(figures, story)).collect()
}

fn of(figures: &Figures, story: Option<&Figures>) -> Vec<Claim> {
    match figures.setup {
        SetUp::Story => the_incident_happens(figures),
        // Reported as it is: nothing is claimed of it.
        SetUp::Pgbouncer => Vec::new(),
        SetUp::WeirUnchanged => {
            let mut claims = kept_alive(figures);
            claims.extend(story.map(|story| saved(figures, story)));
            claims
        }
        SetUp::WeirOptimised | SetUp::DirectOptimised => {
            let mut claims = the_storys_results(figures);
            claims.extend(story.into_iter().flat_map(|story| quicker(figures, story)));
            claims.push(balanced(figures));
            claims
        }
    }
}

fn the_incident_happens(figures: &Figures) -> Vec<Claim> {
    let worst = |of: fn(&RouteFigures) -> f64| {
        let shares = figures.routes.iter().map(|route| (of(route), route.route.name()));
        shares.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((1.0, "none"))
    };
    let (share, name) = worst(|route| route.success_exhausted);
    let (late, late_name) = worst(|route| route.success_exhausted_late);
    let claim = |claim: &str, measured, holds| Claim {
        setup: figures.setup,
        claim: claim.into(),
        measured,
        holds,
    };
    vec![
        claim(
            "connections reach the limit",
            format!("{} of 100, {USABLE} of them usable", figures.connections_peak),
            figures.connections_peak >= USABLE,
        ),
        claim(
            "success falls below 20 % on every route",
            format!("best route in the exhaustion: {name}, {:.1} %", share * 100.0),
            share < DOWN,
        ),
        claim(
            "it does not heal while the load stays",
            format!("best route in its second half: {late_name}, {:.1} %", late * 100.0),
            late < DOWN,
        ),
    ]
}

fn the_storys_results(figures: &Figures) -> Vec<Claim> {
    let claim =
        |claim: String, measured, holds| Claim { setup: figures.setup, claim, measured, holds };
    vec![
        claim(
            "success at least 99.8 %".into(),
            format!("{:.3} %", figures.success * 100.0),
            figures.success >= SUCCESS_MIN,
        ),
        claim(
            format!("at most {CONNECTIONS_MAX} server connections"),
            figures.connections_peak.to_string(),
            figures.connections_peak <= CONNECTIONS_MAX,
        ),
        claim(
            format!("at most {LONG_MAX} long statements"),
            figures.long_peak.to_string(),
            figures.long_peak <= LONG_MAX,
        ),
    ]
}

/// What a proxy can do for code that stays as it is: whoever did nothing wrong does not suffer.
fn kept_alive(figures: &Figures) -> Vec<Claim> {
    let claim =
        |claim: String, measured, holds| Claim { setup: figures.setup, claim, measured, holds };
    let recovery = figures.recovery_s.map_or("never".to_owned(), |s| format!("{s:.0} s"));
    vec![
        claim(
            "99 % of innocent clients served within a second".into(),
            format!("{:.2} %", figures.innocent_within_1s * 100.0),
            figures.innocent_within_1s >= INNOCENT_MIN,
        ),
        claim(
            "the same while the service itself was there".into(),
            figures
                .innocent_within_1s_up
                .map_or("it never was".to_owned(), |share| format!("{:.2} %", share * 100.0)),
            figures.innocent_within_1s_up.is_some_and(|share| share >= INNOCENT_MIN),
        ),
        claim(
            format!("at most {BUDGET} server connections"),
            figures.connections_peak.to_string(),
            figures.connections_peak <= BUDGET,
        ),
        claim(
            format!("well again within {RECOVERY_MAX_S:.0} s"),
            recovery,
            figures.recovery_s.is_some_and(|s| s <= RECOVERY_MAX_S),
        ),
        claim(
            "nobody has to restart anything".into(),
            figures.restarts.to_string(),
            figures.restarts == 0,
        ),
    ]
}

/// Good answers against the story's, over the whole load and while that is exhausted.
fn saved(figures: &Figures, story: &Figures) -> Claim {
    let times = |ours: f64, theirs: f64| match theirs {
        0.0 => "from none".to_owned(),
        _ => format!("{:.1} times", ours / theirs),
    };
    let load = times(figures.success, story.success);
    let exhausted = times(figures.success_exhausted, story.success_exhausted);
    Claim {
        setup: figures.setup,
        claim: format!("success at least {SAVES} times the story's"),
        measured: format!("{load}; in the exhaustion {exhausted}"),
        holds: figures.success >= story.success * SAVES,
    }
}

/// A story's client that gave up counts with the time it took to: an underestimate, in the story's
/// favour.
fn quicker(figures: &Figures, story: &Figures) -> Vec<Claim> {
    let claim = |route: Route| {
        let (ours, theirs) = (figures.route(route)?, story.route(route)?);
        let factor = theirs.mean_client_s / ours.mean_client_s;
        Some(Claim {
            setup: figures.setup,
            claim: format!("{} at least {QUICKER} times as quick as in the story", route.name()),
            measured: format!(
                "{:.3} s against {:.3} s, {factor:.0} times",
                ours.mean_client_s, theirs.mean_client_s
            ),
            holds: factor >= QUICKER,
        })
    };
    [Route::Statistics, Route::Bulk].into_iter().filter_map(claim).collect()
}

fn balanced(figures: &Figures) -> Claim {
    let books = figures.books;
    Claim {
        setup: figures.setup,
        claim: "the books balance, and every request was told its end".into(),
        measured: format!(
            "{} items accepted, {} requests unsure",
            books.items_accepted, books.unsure
        ),
        holds: books.balance() && books.unsure == 0 && books.items_accepted > 0,
    }
}
