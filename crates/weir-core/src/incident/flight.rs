//! The flight recorder: second by second before an incident and through it.
//!
//! Before the opening a ring of the last minutes is kept; from then on every look is. A long
//! incident stays within the bound by halving the resolution of what is already there.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::signals::{Delta, Signals, Slots};
use crate::config::limits::{FLIGHT_POINTS, FLIGHT_POINTS_BEFORE};
use crate::time::Instant;

/// One look.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Point {
    /// Milliseconds since the opening; before it, below zero.
    pub at_ms: i64,
    /// Over how many milliseconds the values are means.
    pub span_ms: u32,
    /// Slots by what they do.
    pub slots: Slots,
    /// Requests in the span.
    pub requests: u64,
    /// Requests refused or failed in the span.
    pub lost: u64,
    /// The longest wait, milliseconds.
    pub wait_ms: u32,
}

/// What was recorded of one incident.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Flight {
    /// In the order of time.
    pub points: Vec<Point>,
    /// When the trouble was over, milliseconds since the opening; `None` while it lasts.
    pub calm_ms: Option<i64>,
}

/// A look with its time on the process's clock.
#[derive(Debug, Clone, Copy)]
struct Look {
    at: Instant,
    point: Point,
}

/// Keeps looks.
#[derive(Debug, Clone, Default)]
pub(super) struct Recorder {
    looks: VecDeque<Look>,
    last: Option<Instant>,
    /// How often the resolution was halved: 2^n looks make one point.
    halved: u32,
    /// Looks that do not make a whole point yet.
    pending: Option<(Look, u32)>,
}

impl Recorder {
    /// Takes a look, in calm or in an incident.
    pub(super) fn add(&mut self, at: Instant, delta: Delta, signals: &Signals, open: bool) {
        let span = self.last.replace(at).map_or(0, |last| at.since(last).as_millis());
        let small = |number: u128| u32::try_from(number).unwrap_or(u32::MAX);
        let point = Point {
            at_ms: 0,
            span_ms: small(span),
            slots: signals.slots,
            requests: delta.requests,
            lost: delta.lost(),
            wait_ms: small(signals.oldest_wait.as_millis()),
        };
        let look = Look { at, point };
        if open {
            self.add_open(look);
            return;
        }
        self.settle();
        self.halved = 0;
        self.looks.push_back(look);
        while self.looks.len() > FLIGHT_POINTS_BEFORE {
            self.looks.pop_front();
        }
    }

    fn add_open(&mut self, look: Look) {
        let (merged, count) = match self.pending.take() {
            Some((before, count)) => (merge(&[before, look]), count + 1),
            None => (look, 1),
        };
        self.pending = Some((merged, count));
        if count >= 1 << self.halved {
            self.settle();
        }
        if self.looks.len() > FLIGHT_POINTS {
            self.halve();
        }
    }

    fn settle(&mut self) {
        self.looks.extend(self.pending.take().map(|(look, _)| look));
    }

    /// What is kept, counted from the opening.
    pub(super) fn flight(&self, opened: Instant, calm: Option<Instant>) -> Flight {
        let offset = |at: Instant| {
            let signed = |millis: u128| i64::try_from(millis).unwrap_or(i64::MAX);
            signed(at.since(opened).as_millis()) - signed(opened.since(at).as_millis())
        };
        let point = |look: &Look| Point { at_ms: offset(look.at), ..look.point };
        let looks = self.looks.iter().chain(self.pending.iter().map(|(look, _)| look));
        Flight { points: looks.map(point).collect(), calm_ms: calm.map(offset) }
    }

    fn halve(&mut self) {
        let pairs: Vec<Look> = self.looks.make_contiguous().chunks(2).map(merge).collect();
        self.looks = pairs.into();
        self.halved = (self.halved + 1).min(30);
    }
}

fn merge(pair: &[Look]) -> Look {
    let [first, second] = pair else { return pair[0] };
    let (a, b) = (&first.point, &second.point);
    let share = share(a.span_ms, b.span_ms);
    let point = Point {
        at_ms: 0,
        span_ms: a.span_ms.saturating_add(b.span_ms),
        // What waits and what the limit is are kept at their worst; the rest is a mean.
        slots: Slots {
            waiting: a.slots.waiting.max(b.slots.waiting),
            limit: b.slots.limit,
            ..a.slots.with(&b.slots, |one, other| one * share + other * (1.0 - share))
        },
        requests: a.requests.saturating_add(b.requests),
        lost: a.lost.saturating_add(b.lost),
        wait_ms: a.wait_ms.max(b.wait_ms),
    };
    Look { at: second.at, point }
}

/// The part of the first span in both.
#[expect(clippy::cast_precision_loss, reason = "a weight")]
fn share(first: u32, second: u32) -> f32 {
    match first.saturating_add(second) {
        0 => 0.5,
        both => first as f32 / both as f32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(recorder: &mut Recorder, seconds: std::ops::Range<u64>, open: bool) {
        for second in seconds {
            let delta = Delta { requests: 10, refused: 1, failed: 0 };
            recorder.add(Instant::from_millis(second * 1000), delta, &Signals::default(), open);
        }
    }

    #[test]
    fn the_minutes_before_are_kept_and_a_day_stays_within_the_bound() {
        let mut recorder = Recorder::default();
        record(&mut recorder, 0..2000, false);
        assert_eq!(recorder.looks.len(), FLIGHT_POINTS_BEFORE);
        let kept = FLIGHT_POINTS_BEFORE as u64;
        record(&mut recorder, 2000..88_400, true);
        let flight = recorder.flight(Instant::from_millis(2_000_000), None);
        assert!(flight.points.len() <= FLIGHT_POINTS);
        let requests: u64 = flight.points.iter().map(|point| point.requests).sum();
        assert_eq!(requests, (86_400 + kept) * 10, "nothing is lost by halving");
        assert!(flight.points[0].at_ms < 0 && flight.points.is_sorted_by_key(|point| point.at_ms));
    }
}
