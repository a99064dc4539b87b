//! How many innocent requests any rule could serve in time: what is physics, and what is policy.
//!
//! Let the time of a slot have a price. A rule that serves a request takes slot time, and at the
//! lowest price of the second in which it is in time; so it gains at most what one request counts
//! less that price. All gains together and the price of all slot time there is are then at least
//! what any rule can serve, whatever the prices are (weak duality of linear programs). Requests of
//! culprits cost nothing here, and the rule may know everything but how long a single statement
//! will take; what slots hold at the end may have begun in time, too. So the bound can be too
//! high, and never too low by more than chance.

use std::time::Duration;

use crate::time::Instant;

use super::outcome::{SOON, is_innocent};
use super::plan::Plan;

/// What one request counts.
const ONE: u128 = 1_000_000_000_000;
/// Requests come in steps of this length.
const STEP: Duration = Duration::from_millis(50);
/// The present of a class has its requests in so many steps.
const STEPS_OF_RATE: u128 = 100_000 / STEP.as_millis();
/// Rounds of cheaper prices; they are found in two or three.
const ROUNDS: usize = 8;

/// A stretch in which nothing changes.
struct Stretch {
    from: Instant,
    to: Instant,
    /// Slot time in microseconds; none while nobody can be served.
    slot_micros: u128,
    /// How long a request of each innocent class holds its slot, in microseconds.
    holds: Vec<u128>,
}

/// Innocent requests begun in one step.
struct Come {
    at: Instant,
    /// Of each innocent class, in `1 / STEPS_OF_RATE`.
    counts: Vec<u128>,
}

/// What a plan asks for, and what there is to serve it.
struct Market {
    stretches: Vec<Stretch>,
    come: Vec<Come>,
}

/// Most innocent requests begun in the trouble that any rule can serve within a second, in tenths
/// of a percent.
#[must_use]
pub fn bound_permille(plan: &Plan) -> u64 {
    let market = Market::of(plan);
    let asked: u128 = market.come.iter().flat_map(|come| &come.counts).sum::<u128>() * ONE;
    let starts = market.stretches[0].holds.len();
    let sales = (0..starts).map(|class| market.cheapest(class));
    let served = sales.min().unwrap_or(asked) + u128::from(plan.slots) * ONE * STEPS_OF_RATE;
    let permille = (served * 1_000).checked_div(asked).unwrap_or(1_000);
    u64::try_from(permille.min(1_000)).unwrap_or(1_000)
}

impl Market {
    fn of(plan: &Plan) -> Self {
        let (from, to) = plan.trouble();
        let end = to + SOON;
        let innocent: Vec<_> =
            (0..plan.classes.len()).filter(|&at| is_innocent(plan, at)).collect();
        let mut edges = vec![from, to, end];
        let events = plan.events.iter().flat_map(|event| [event.from_ms, event.to_ms]);
        edges.extend(events.map(Instant::from_millis).filter(|&at| from < at && at < end));
        edges.sort_unstable();
        edges.dedup();
        let stretch = |(from, to): (Instant, Instant)| {
            let away = plan.is_down(from) || plan.is_restarting(from);
            let slots = if away { 0 } else { u128::from(plan.slots) };
            let hold = |&class: &usize| {
                let present = plan.present(from, class);
                let round = (present.sql + present.call).as_micros();
                (round * u128::from(plan.classes[class].rounds)).max(1)
            };
            let holds = innocent.iter().map(hold).collect();
            Stretch { from, to, slot_micros: slots * (to - from).as_micros(), holds }
        };
        let stretches = edges.iter().copied().zip(edges.iter().copied().skip(1)).map(stretch);
        let steps = std::iter::successors(Some(from), |&at| Some(at + STEP));
        let come = steps.take_while(|&at| at < to).map(|at| {
            let rate = |&class: &usize| u128::from(plan.present(at, class).rate);
            Come { at, counts: innocent.iter().map(rate).collect() }
        });
        Self { stretches: stretches.collect(), come: come.collect() }
    }

    /// The lowest sum that is found from the prices at which a class is just worth its slot time.
    fn cheapest(&self, class: usize) -> u128 {
        let just = |stretch: &Stretch, class: usize| ONE / stretch.holds[class];
        let mut prices: Vec<u128> = self.stretches.iter().map(|one| just(one, class)).collect();
        let mut best = self.sum(&prices);
        for _ in 0..ROUNDS {
            for at in 0..prices.len() {
                let classes = 0..self.stretches[at].holds.len();
                let tries = classes.map(|class| just(&self.stretches[at], class)).chain([0]);
                for price in tries {
                    let before = std::mem::replace(&mut prices[at], price);
                    let sum = self.sum(&prices);
                    if sum < best {
                        best = sum;
                    } else {
                        prices[at] = before;
                    }
                }
            }
        }
        best
    }

    /// The price of all slot time, and what requests count beyond the price of theirs.
    fn sum(&self, prices: &[u128]) -> u128 {
        let priced = || self.stretches.iter().zip(prices);
        let slots: u128 = priced().map(|(one, price)| one.slot_micros * price).sum();
        let gains = self.come.iter().map(|come| {
            let in_time = |one: &Stretch| one.from <= come.at + STEP + SOON && come.at < one.to;
            let open = || priced().filter(|(one, _)| one.slot_micros > 0 && in_time(one));
            let gain = |(class, count): (usize, &u128)| {
                let costs = open().map(|(one, price)| one.holds[class] * price);
                costs.min().map_or(0, |cost| count * ONE.saturating_sub(cost))
            };
            come.counts.iter().enumerate().map(gain).sum::<u128>()
        });
        slots * STEPS_OF_RATE + gains.sum::<u128>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(more: &str, expected: u64) {
        let plan = format!(
            "about = \"x\"\nseconds = 40\ntrouble = [10, 30]\nslots = 2\n\
             [[class]]\nname = \"page\"\nrate = 100\nsql_ms = 10\n{more}"
        );
        let bound = bound_permille(&Plan::parse(&plan).expect("the plan is right"));
        assert!(bound.abs_diff(expected) <= 2, "{bound} instead of {expected}: {more}");
    }

    #[test]
    fn it_is_what_the_slots_can_do() {
        check("", 1_000);
        // 20 s of requests of 40 ms, and 21 s of two slots: half, and what the last second adds.
        let slow = "[[event]]\nfrom_ms = 0\nto_ms = 40000\nsql_percent = 400\n";
        check(slow, 526);
        // Who came in the last second before the end is served after it.
        check("[[event]]\nfrom_ms = 0\nto_ms = 30000\ndown = true\n", 51);
        // The quick first: they take 20 of 42 slot seconds; the others have the rest, 0.2 each.
        let long = "[[class]]\nname = \"long\"\nrate = 20\nsql_ms = 200\n";
        check(long, (20 * 100 + (42 - 20) * 5) * 1_000 / (20 * 120));
        // A culprit is left out.
        check(&format!("{long}culprit = true\n"), 1_000);
    }
}
