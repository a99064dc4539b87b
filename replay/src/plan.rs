//! What happens when: phases, rates, the receiver's latency, and every single arrival.

use std::time::Duration;

use serde::Serialize;

/// A route of the service, as the clients know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// `GET /products/{id}`: innocent.
    Product,
    /// `GET /users/{id}/orders`: innocent.
    UserOrders,
    /// `GET /orders/statistics`: the report.
    Statistics,
    /// `POST /orders/bulk`: the sale's orders.
    Bulk,
}

/// All routes, in the order of the tables.
pub const ROUTES: [Route; 4] = [Route::Product, Route::UserOrders, Route::Statistics, Route::Bulk];

impl Route {
    /// Whether the route did nothing to bring the incident about.
    #[must_use]
    pub fn is_innocent(self) -> bool {
        match self {
            Self::Product | Self::UserOrders => true,
            Self::Statistics | Self::Bulk => false,
        }
    }

    /// As in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::UserOrders => "user's orders",
            Self::Statistics => "statistics",
            Self::Bulk => "bulk orders",
        }
    }
}

/// A part of the incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseName {
    /// An ordinary hour.
    Calm,
    /// A sale starts, reports are opened, the receiver slows down.
    Trigger,
    /// Everything stays as bad as it got.
    Exhaustion,
    /// The same, after people have restarted the service where they had to.
    Reaction,
    /// The sale is over, the receiver is itself again.
    Recovery,
    /// An ordinary hour again.
    CalmAgain,
}

/// A phase with its times and rates.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Phase {
    /// Which.
    pub name: PhaseName,
    /// From the start of the run.
    pub start_s: f64,
    /// Length.
    pub length_s: f64,
    /// Arrivals a second, in the order of [`ROUTES`].
    pub rates: [f64; 4],
    /// The receiver's latency at the start, in seconds.
    pub receiver_from_s: f64,
    /// And at the end; between them it moves evenly.
    pub receiver_to_s: f64,
}

/// The whole course of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The seed of everything drawn.
    pub seed: u64,
    /// Phases without a gap between them.
    pub phases: Vec<Phase>,
    /// Users and products that clients ask for; ids from 1.
    pub users: u64,
    /// Products.
    pub products: u64,
    /// Items of one bulk request.
    pub items: usize,
}

/// One request of one client, before any retry.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// From the start of the run.
    pub at: Duration,
    /// Number in the run; names the request.
    pub number: usize,
    /// What it asks.
    pub ask: Ask,
}

/// What a request asks.
#[derive(Debug, Clone)]
pub enum Ask {
    /// A product.
    Product(u64),
    /// A user's orders.
    UserOrders(u64),
    /// The report.
    Statistics,
    /// Orders.
    Bulk(Vec<Item>),
}

/// An item of a bulk request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// The user.
    pub user: u64,
    /// The product.
    pub product: u64,
    /// Pieces, 1 to 3.
    pub quantity: u64,
}

impl Ask {
    /// The route it goes to.
    #[must_use]
    pub fn route(&self) -> Route {
        match self {
            Self::Product(_) => Route::Product,
            Self::UserOrders(_) => Route::UserOrders,
            Self::Statistics => Route::Statistics,
            Self::Bulk(_) => Route::Bulk,
        }
    }
}

const CALM: [f64; 4] = [20.0, 10.0, 0.2, 1.0];
/// A sale: three times the readers, thirty-two times the orders, and people open reports.
const SALE: [f64; 4] = [60.0, 30.0, 1.0, 32.0];
/// The story's receiver, before and during.
const RECEIVER_S: f64 = 0.2;
const RECEIVER_SLOW_S: f64 = 2.5;

impl Plan {
    /// The course of the incident. `scale` 1 takes 23 s; phases grow with it, rates do not.
    #[must_use]
    pub fn incident(seed: u64, scale: f64) -> Self {
        let course = [
            (PhaseName::Calm, 2.0, CALM, (RECEIVER_S, RECEIVER_S)),
            (PhaseName::Trigger, 4.0, SALE, (RECEIVER_S, RECEIVER_SLOW_S)),
            (PhaseName::Exhaustion, 5.0, SALE, (RECEIVER_SLOW_S, RECEIVER_SLOW_S)),
            (PhaseName::Reaction, 4.0, SALE, (RECEIVER_SLOW_S, RECEIVER_SLOW_S)),
            (PhaseName::Recovery, 6.0, CALM, (RECEIVER_S, RECEIVER_S)),
            (PhaseName::CalmAgain, 2.0, CALM, (RECEIVER_S, RECEIVER_S)),
        ];
        let mut start_s = 0.0;
        let phases = course.map(|(name, length, rates, (receiver_from_s, receiver_to_s))| {
            let length_s = length * scale;
            let phase = Phase { name, start_s, length_s, rates, receiver_from_s, receiver_to_s };
            start_s += length_s;
            phase
        });
        Self { seed, phases: phases.into(), users: 5_000, products: 500, items: 8 }
    }

    /// Length of the whole run.
    #[must_use]
    pub fn length(&self) -> Duration {
        let end_s = self.phases.last().map_or(0.0, |phase| phase.start_s + phase.length_s);
        Duration::from_secs_f64(end_s)
    }

    /// Start of a phase; the end of the run where there is none of that name.
    #[must_use]
    pub fn start_of(&self, name: PhaseName) -> Duration {
        let phase = self.phases.iter().find(|phase| phase.name == name);
        phase.map_or(self.length(), |phase| Duration::from_secs_f64(phase.start_s))
    }

    /// The receiver's latency at a moment.
    #[must_use]
    pub fn receiver_latency(&self, at: Duration) -> Duration {
        let at_s = at.as_secs_f64();
        let phase = self.phases.iter().rev().find(|phase| phase.start_s <= at_s);
        let latency_s = phase.map_or(RECEIVER_S, |phase| {
            let share = ((at_s - phase.start_s) / phase.length_s).clamp(0.0, 1.0);
            phase.receiver_from_s + (phase.receiver_to_s - phase.receiver_from_s) * share
        });
        Duration::from_secs_f64(latency_s)
    }

    /// Every arrival, in order of time. A Poisson process for each route and phase: the gaps are
    /// drawn, so bursts and lulls are as real ones.
    #[must_use]
    pub fn arrivals(&self) -> Vec<Arrival> {
        let mut chance = fastrand::Rng::with_seed(self.seed);
        let mut timed = Vec::new();
        for phase in &self.phases {
            for (route, rate) in ROUTES.into_iter().zip(phase.rates) {
                let mut at_s = phase.start_s;
                loop {
                    at_s += -(1.0 - chance.f64()).ln() / rate;
                    if at_s >= phase.start_s + phase.length_s {
                        break;
                    }
                    timed.push((Duration::from_secs_f64(at_s), self.ask(route, &mut chance)));
                }
            }
        }
        timed.sort_by_key(|(at, _)| *at);
        let numbered = timed.into_iter().enumerate();
        numbered.map(|(number, (at, ask))| Arrival { at, number, ask }).collect()
    }

    fn ask(&self, route: Route, chance: &mut fastrand::Rng) -> Ask {
        match route {
            Route::Product => Ask::Product(skewed(chance, self.products)),
            Route::UserOrders => Ask::UserOrders(skewed(chance, self.users)),
            Route::Statistics => Ask::Statistics,
            Route::Bulk => Ask::Bulk(self.items(chance)),
        }
    }

    /// Items of different users and products, as a job makes that collects orders.
    fn items(&self, chance: &mut fastrand::Rng) -> Vec<Item> {
        let mut items: Vec<Item> = Vec::with_capacity(self.items);
        while items.len() < self.items {
            let (user, product) = (skewed(chance, self.users), skewed(chance, self.products));
            if items.iter().all(|item| (item.user, item.product) != (user, product)) {
                items.push(Item { user, product, quantity: chance.u64(1..=3) });
            }
        }
        items
    }
}

/// 1 to `limit`, small ones more often: the square of an even draw.
fn skewed(chance: &mut fastrand::Rng, limit: u64) -> u64 {
    let even = chance.f64();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below limit")]
    let below = (even * even * limit as f64) as u64;
    below.min(limit - 1) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_is_the_same_traffic() {
        let key = |seed| -> Vec<_> {
            let arrivals = Plan::incident(seed, 1.0).arrivals();
            arrivals.iter().map(|a| (a.at, a.ask.route())).collect()
        };
        assert_eq!(key(1), key(1));
        assert_ne!(key(1), key(2));
    }

    #[test]
    fn arrivals_are_in_order_and_as_many_as_the_rates_say() {
        let plan = Plan::incident(7, 1.0);
        let arrivals = plan.arrivals();
        assert!(arrivals.is_sorted_by_key(|a| a.at));
        assert!(arrivals.iter().enumerate().all(|(n, a)| a.number == n));
        let bulks = arrivals.iter().filter(|a| a.ask.route() == Route::Bulk).count();
        // 13 s at 32 and 10 s at 1 are 426; five standard deviations are 103.
        assert!((323..530).contains(&bulks), "{bulks}");
    }

    #[test]
    fn the_receiver_slows_down_and_comes_back() {
        let plan = Plan::incident(7, 1.0);
        for (at_s, expected_s) in [(0.0, 0.2), (4.0, 1.35), (8.0, 2.5), (15.5, 0.2), (99.0, 0.2)] {
            let latency = plan.receiver_latency(Duration::from_secs_f64(at_s)).as_secs_f64();
            assert!((latency - expected_s).abs() < 1e-9, "{at_s} {latency}");
        }
    }

    #[test]
    fn no_request_names_a_user_and_product_twice() {
        let plan = Plan::incident(7, 1.0);
        for arrival in plan.arrivals() {
            if let Ask::Bulk(items) = arrival.ask {
                let mut pairs: Vec<_> = items.iter().map(|i| (i.user, i.product)).collect();
                pairs.sort_unstable();
                pairs.dedup();
                assert_eq!(pairs.len(), plan.items);
            }
        }
    }
}
