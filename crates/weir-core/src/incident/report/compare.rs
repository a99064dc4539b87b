//! Before, during and after, from the flight recorder.

use crate::incident::book::{Change, Counterfactual};
use crate::incident::flight::{Flight, Point};

/// One part of the recording, summed up.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Part {
    /// Requests a second.
    pub(super) requests: f64,
    /// Of a hundred requests, refused or failed.
    pub(super) lost_percent: f64,
    /// Slots in use, mean.
    pub(super) held: f64,
    /// Of those, waiting for the application, mean.
    pub(super) in_transaction: f64,
    /// Clients waiting, mean.
    pub(super) waiting: f64,
    /// Clients waiting, most.
    pub(super) waiting_max: f64,
    /// The longest wait, seconds.
    pub(super) wait_max: f64,
}

/// The three parts. A part without a look is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Parts {
    pub(super) before: Option<Part>,
    pub(super) during: Option<Part>,
    pub(super) after: Option<Part>,
}

pub(super) fn parts(flight: &Flight) -> Parts {
    let calm = flight.calm_ms.unwrap_or(i64::MAX);
    let of = |is: &dyn Fn(i64) -> bool| {
        let chosen: Vec<&Point> = flight.points.iter().filter(|point| is(point.at_ms)).collect();
        (!chosen.is_empty()).then(|| sum(&chosen))
    };
    Parts {
        before: of(&|at| at < 0),
        during: of(&|at| (0..calm).contains(&at)),
        after: of(&|at| at >= calm),
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn sum(points: &[&Point]) -> Part {
    // The very first look has no span; it still counts as one.
    let span = |point: &Point| f64::from(point.span_ms.max(1)) / 1000.0;
    let seconds: f64 = points.iter().map(|point| span(point)).sum();
    let mean = |value: &dyn Fn(&Point) -> f32| {
        points.iter().map(|point| f64::from(value(point)) * span(point)).sum::<f64>() / seconds
    };
    let requests: u64 = points.iter().map(|point| point.requests.max(point.lost)).sum();
    let lost: u64 = points.iter().map(|point| point.lost).sum();
    let most =
        |value: &dyn Fn(&Point) -> f64| points.iter().map(|point| value(point)).fold(0.0, f64::max);
    Part {
        requests: requests as f64 / seconds,
        lost_percent: if requests == 0 { 0.0 } else { lost as f64 * 100.0 / requests as f64 },
        held: mean(&|point| point.slots.held()),
        in_transaction: mean(&|point| point.slots.in_transaction),
        waiting: mean(&|point| point.slots.waiting),
        waiting_max: most(&|point| f64::from(point.slots.waiting)),
        wait_max: most(&|point| f64::from(point.wait_ms) / 1000.0),
    }
}

/// Of the slots held, the share from which waiting for the application is worth a sentence.
const SHARE_MIN: f64 = 0.2;

/// What the recording alone says of transactions that wait for their application: the slots that
/// were held and wanted, and the same without that waiting. By Little's law the need is arrivals
/// times hold time, so it shrinks with the hold time.
pub(super) fn estimate(parts: &Parts) -> Option<Counterfactual> {
    let during = parts.during?;
    if during.held <= 0.0 || during.in_transaction / during.held < SHARE_MIN {
        return None;
    }
    let needed = during.held + during.waiting;
    let left = (during.held - during.in_transaction) / during.held;
    let change = Change::NoWaitInTransaction;
    Some(Counterfactual { change, needed, needed_then: needed * left })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::Slots;

    fn point(second: i64, in_transaction: f32, waiting: f32, lost: u64) -> Point {
        let slots =
            Slots { executing: 10.0, in_transaction, waiting, limit: 100.0, ..Slots::default() };
        Point { at_ms: second * 1000, span_ms: 1000, slots, requests: 50, lost, wait_ms: 1500 }
    }

    #[test]
    fn the_three_parts_and_the_estimate_come_from_their_own_looks() {
        let flight = Flight {
            points: vec![
                point(-2, 0.0, 0.0, 0),
                point(-1, 0.0, 0.0, 0),
                point(0, 80.0, 20.0, 25),
                point(1, 100.0, 40.0, 50),
                point(2, 0.0, 0.0, 0),
            ],
            calm_ms: Some(2_000),
        };
        let parts = parts(&flight);
        assert_eq!(parts.before.unwrap().held, 10.0);
        let during = parts.during.unwrap();
        assert_eq!((during.held, during.in_transaction, during.waiting), (100.0, 90.0, 30.0));
        assert_eq!((during.lost_percent, during.requests, during.waiting_max), (75.0, 50.0, 40.0));
        assert_eq!(parts.after.unwrap().lost_percent, 0.0);
        let estimate = estimate(&parts).unwrap();
        assert!(
            (estimate.needed_then - 13.0).abs() < 1e-9 && (estimate.needed - 130.0).abs() < 1e-9
        );
    }

    #[test]
    fn without_a_recording_nothing_is_said() {
        let parts = parts(&Flight::default());
        assert_eq!((parts, estimate(&parts)), (Parts::default(), None));
    }
}
