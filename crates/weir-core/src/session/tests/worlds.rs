//! Random worlds. A failing seed is printed, and is the bug report.

use super::pair::{Trouble, run};
use crate::session::{PoolMode, ServerReset, SessionSettings};

const CALM: Trouble = Trouble { leave: 0, refuse: 0, evict: 0, close: 0 };

fn settings() -> SessionSettings {
    SessionSettings { pins_max: 100, server_statements_max: 2, ..SessionSettings::default() }
}

#[expect(clippy::needless_pass_by_value, reason = "made where it is called")]
fn worlds(seeds: std::ops::Range<u64>, settings: SessionSettings, trouble: Trouble) {
    seeds.for_each(|seed| run(seed, settings.clone(), trouble));
}

#[test]
fn each_client_hears_what_it_would_hear_alone() {
    worlds(0..400, settings(), CALM);
}

#[test]
fn so_it_does_without_deferred_begin() {
    worlds(400..600, SessionSettings { deferred_begin: false, ..settings() }, CALM);
}

#[test]
fn so_it_does_in_session_mode() {
    worlds(600..800, SessionSettings { mode: PoolMode::Session, ..settings() }, CALM);
}

#[test]
fn so_it_does_when_each_lease_ends_with_a_reset() {
    worlds(800..1000, SessionSettings { reset: ServerReset::Always, ..settings() }, CALM);
}

#[test]
fn clients_that_leave_at_any_moment_leave_nothing() {
    worlds(1000..1400, settings(), Trouble { leave: 60, ..CALM });
}

#[test]
fn refusals_and_evictions_disturb_nobody_else() {
    worlds(1400..1800, settings(), Trouble { leave: 200, refuse: 20, evict: 20, close: 0 });
}

#[test]
fn nothing_is_left_of_what_was_evicted_and_nobody_takes_it_for_committed() {
    worlds(1800..2400, settings(), Trouble { evict: 8, ..CALM });
}

#[test]
fn server_connections_can_be_closed_under_their_clients() {
    worlds(2400..3000, settings(), Trouble { evict: 30, close: 15, ..CALM });
}
