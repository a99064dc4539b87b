//! Reports of a made-up replay: two set-ups, one of which breaks down.

use std::time::Duration;

use super::*;
use crate::books::Books;
use crate::load::{Client, Outcome, Seen, Try};
use crate::plan::PhaseName;
use crate::run::{Event, Observed};
use crate::sampler::Sample;
use crate::setup::SetUp;

/// A replay in which `story` breaks down from the exhaustion to the recovery and the rest holds.
fn replay() -> Report {
    let plan = Plan::incident(1, 1.0);
    let set_ups = [SetUp::Story, SetUp::Pgbouncer, SetUp::WeirOptimised]
        .map(|setup| Figures::of(&observed(setup, &plan), &plan));
    Report {
        command: "weir replay --out a<b".into(),
        server: "15.0".into(),
        cores: 2,
        optimised_build: true,
        orders_seeded: 10,
        scale: 1.0,
        long_s: 3.0,
        plan,
        set_ups: set_ups.into(),
    }
}

fn observed(setup: SetUp, plan: &Plan) -> Observed {
    let down = plan.start_of(PhaseName::Exhaustion)..plan.start_of(PhaseName::Recovery);
    let breaks = |at: Duration| !setup.is_optimised() && down.contains(&at);
    let mut seen = Seen::default();
    for arrival in plan.arrivals() {
        let (route, sent_s) = (arrival.ask.route(), arrival.at.as_secs_f64());
        let (took_s, served) = if breaks(arrival.at) { (3.0, false) } else { (0.01, true) };
        let outcome = if served { Outcome::Good } else { Outcome::TimedOut };
        seen.tries.push(Try { route, sent_s, took_s, outcome });
        seen.clients.push(Client { route, arrived_s: sent_s, took_s, served });
    }
    let samples = (0..=plan.length().as_secs()).map(|second| {
        let connections = if breaks(Duration::from_secs(second)) { 97 } else { 13 };
        Sample {
            at_s: second as f64,
            connections,
            active: 3,
            idle_in_transaction: connections - 5,
            waiting_for_lock: 0,
            long: 0,
        }
    });
    seen.lag_max_s = 0.004;
    Observed {
        setup,
        seen,
        samples: samples.collect(),
        events: vec![Event { at_s: 11.0, what: "the service is <restarted>".into() }],
        outages: Vec::new(),
        books: Books { items_accepted: 7, ..Books::default() },
        drained_after_s: 0.0,
    }
}

#[test]
fn every_form_has_every_set_up_row_and_claim() {
    let report = replay();
    let (page, markdown, table) =
        (html::page(&report), text::markdown(&report), text::table(&report));
    for row in rows::rows(&report) {
        for (form, text) in [("page", &page), ("markdown", &markdown), ("table", &table)] {
            assert!(text.contains(&row.name), "no row {} in the {form}", row.name);
        }
    }
    for figures in &report.set_ups {
        assert!(page.contains(figures.setup.title()));
        assert!(markdown.contains(figures.setup.name()) && table.contains(figures.setup.name()));
    }
    for claim in claims::claims(&report) {
        assert!(page.contains(&plot::escape(&claim.claim)), "{claim:?}");
        assert!(markdown.contains(&claim.claim) && table.contains(&claim.claim), "{claim:?}");
    }
}

#[test]
fn the_rows_begin_with_the_storys_five_and_tell_the_change() {
    let rows = rows::rows(&replay());
    assert_eq!(rows.iter().filter(|row| row.is_storys).count(), 5);
    let success = rows.iter().find(|row| row.name == "success rate").unwrap();
    assert_eq!(success.cells[0].change, None);
    assert_eq!(success.cells[2].value, "100.00 %");
    let change = success.cells[2].change.as_deref().unwrap();
    assert!(change.starts_with('+') && change.ends_with("pts"), "{change}");
}

#[test]
fn the_page_needs_nothing_else_and_shows_no_markup_of_others() {
    let page = html::page(&replay());
    for outside in ["http:", "https:", "src=", "href=", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("a&lt;b") && page.contains("is &lt;restarted&gt;"));
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
}

#[test]
fn the_claims_see_the_breakdown_and_the_cure() {
    let claims = claims::claims(&replay());
    let held =
        |setup| claims.iter().filter(move |claim| claim.setup == setup && claim.holds).count();
    assert_eq!(held(SetUp::Story), 3, "{claims:#?}");
    // Quicker by 15 and more needs the story's clients to have waited: they have, 3 s.
    assert_eq!(held(SetUp::WeirOptimised), 6, "{claims:#?}");
}
