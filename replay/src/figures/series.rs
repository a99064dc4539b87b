//! A run second by second, for the plots.

use serde::Serialize;

use super::{is_good, is_prompt, served_within, share};
use crate::load::{Client, Seen, Try};
use crate::plan::Plan;

/// One second of a run, by when things were sent.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Second {
    /// Its start.
    pub from_s: f64,
    /// Share of good tries.
    pub success: Option<f64>,
    /// Share of innocent clients served within a second.
    pub innocent_within_1s: Option<f64>,
    /// Time within which 95 of 100 innocent clients were served; none where that one never was.
    pub innocent_p95_s: Option<f64>,
}

/// Every whole second of the run.
pub(super) fn seconds(seen: &Seen, plan: &Plan) -> Vec<Second> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a run's seconds")]
    let count = plan.length().as_secs_f64().ceil() as usize;
    let mut tries: Vec<Vec<Try>> = vec![Vec::new(); count];
    let mut clients: Vec<Vec<Client>> = vec![Vec::new(); count];
    for attempt in &seen.tries {
        if let Some(second) = tries.get_mut(index(attempt.sent_s)) {
            second.push(*attempt);
        }
    }
    for client in seen.clients.iter().filter(|client| client.route.is_innocent()) {
        if let Some(second) = clients.get_mut(index(client.arrived_s)) {
            second.push(*client);
        }
    }
    let of = |(number, (tries, clients)): (usize, (&Vec<Try>, &Vec<Client>))| Second {
        from_s: number as f64,
        success: some_share(tries.iter().filter(|t| is_good(t)).count(), tries.len()),
        innocent_within_1s: some_share(
            clients.iter().filter(|c| is_prompt(c)).count(),
            clients.len(),
        ),
        innocent_p95_s: served_within(clients, 0.95),
    };
    tries.iter().zip(&clients).enumerate().map(of).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a run")]
fn index(at_s: f64) -> usize {
    at_s as usize
}

fn some_share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| share(part, whole))
}
