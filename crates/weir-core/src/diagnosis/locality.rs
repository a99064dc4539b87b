//! Local or common: a route that got slow is told apart from a database that got slow, by how long
//! each route holds its slots against what is usual for it.

use super::figure::{Figure, Measure};
use super::finding::Scope;
use crate::activity::{ClassState, Picture};

/// Other routes that must be known for a comparison.
const PEERS_MIN: usize = 2;

/// The worst route is local when it is inflated so many times as much as the others.
const PEER_TIMES: f64 = 2.0;

/// The comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Locality {
    /// The decision.
    pub scope: Scope,
    /// The route whose hold time grew most.
    pub route: String,
    /// Its hold time against its usual one.
    pub inflation: f64,
    /// The median of the same over all other routes.
    pub peers: f64,
    /// Routes that were compared, the worst included.
    pub routes: u32,
}

impl Locality {
    /// As evidence.
    #[must_use]
    pub fn figures(&self) -> [Figure; 3] {
        [
            Figure::new(Measure::Inflation, self.inflation),
            Figure::new(Measure::PeerInflation, self.peers),
            Figure::new(Measure::RoutesCompared, f64::from(self.routes)),
        ]
    }
}

/// Compares the routes; `None` when too few have something usual, or none is inflated.
#[must_use]
pub fn locality(picture: &Picture) -> Option<Locality> {
    let classes = picture.proxy.iter().flat_map(|proxy| &proxy.classes);
    let mut routes: Vec<(f64, &str)> =
        classes.filter_map(|class| Some((inflation(class)?, class.route.as_str()))).collect();
    routes.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (&(worst, route), peers) = routes.split_first()?;
    let limit = f64::from(picture.thresholds.inflated_times);
    if peers.len() < PEERS_MIN || worst < limit {
        return None;
    }
    let median = peers[peers.len() / 2].0;
    let scope = if median >= limit {
        Scope::Common
    } else if worst >= median * PEER_TIMES {
        Scope::Local
    } else {
        Scope::Undecided
    };
    let compared = u32::try_from(routes.len()).unwrap_or(u32::MAX);
    Some(Locality {
        scope,
        route: route.to_owned(),
        inflation: worst,
        peers: median,
        routes: compared,
    })
}

fn inflation(class: &ClassState) -> Option<f64> {
    let usual = class.usual_hold.filter(|usual| !usual.is_zero())?;
    Some(class.hold.as_secs_f64() / usual.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::activity::tests::proxy_with;
    use crate::diagnosis::rules::tests::joined;

    fn check(holds_ms: &[(u64, Option<u64>)], expected: Option<Scope>) {
        let class = |(at, (hold, usual)): (usize, &(u64, Option<u64>))| ClassState {
            route: format!("/{at}"),
            held: 1,
            arrivals_per_second: 1.0,
            usual_arrivals_per_second: None,
            hold: Duration::from_millis(*hold),
            usual_hold: usual.map(Duration::from_millis),
            rows_per_transaction: None,
            gap: None,
        };
        let mut proxy = proxy_with(Vec::new());
        proxy.classes = holds_ms.iter().enumerate().map(class).collect();
        let found = locality(&joined(Vec::new(), Some(proxy)));
        assert_eq!(found.map(|found| found.scope), expected, "{holds_ms:?}");
    }

    #[test]
    fn one_route_or_all_of_them() {
        check(&[(900, Some(100)), (11, Some(10)), (21, Some(20))], Some(Scope::Local));
        check(&[(900, Some(100)), (80, Some(10)), (160, Some(20))], Some(Scope::Common));
        check(&[(310, Some(100)), (19, Some(10)), (41, Some(20))], Some(Scope::Undecided));
    }

    #[test]
    fn nothing_is_said_of_what_is_usual_or_not_known() {
        check(&[(120, Some(100)), (11, Some(10)), (21, Some(20))], None);
        check(&[(900, Some(100)), (11, None), (21, Some(20))], None);
        check(&[], None);
    }
}
