//! Brings the thread of incidents what the ledger and the guard see, each second.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use weir_core::diagnosis::health::Health;
use weir_core::diagnosis::{Cause, Severity};
use weir_core::incident::{Note, Server, Signals, counterfactuals};

use super::reporter::Look;
use crate::monitor::guard::Lookout;
use crate::proxy::console::Gathered;
use crate::proxy::mail::Detail;
use crate::proxy::threads::House;

/// Without news from the ledger for so long, what the guard sees is brought alone.
const LEDGER_MAX: Duration = Duration::from_secs(2);

/// Looks from one question to the ledger what would have been enough to the next.
const LOOKS_PER_QUESTION: u32 = 10;

/// Brings looks until the process ends.
pub async fn feed(lookout: Lookout, house: Arc<House>) {
    let incidents = &house.incidents;
    let mut ledger = house.console.signals();
    let mut looks = 0_u32;
    loop {
        match timeout(LEDGER_MAX, ledger.changed()).await {
            Ok(Ok(())) | Err(_) => {}
            // Nobody sends any more: the process ends.
            Ok(Err(_)) => return,
        }
        let signals = Signals {
            failed_total: incidents.failed_total(),
            users_hit: incidents.take_users(),
            ..ledger.borrow_and_update().clone()
        };
        incidents.observe(look(signals, lookout.all()));
        looks = looks.wrapping_add(1);
        if looks.is_multiple_of(LOOKS_PER_QUESTION) && incidents.open().is_some() {
            ask(&house).await;
        }
    }
}

/// Asks the ledger what would have been enough.
async fn ask(house: &House) {
    match Gathered::new(house, Detail::Ledger).await {
        Ok(gathered) => {
            let known = counterfactuals(&gathered.ledger().demand);
            house.incidents.note(Note::Counterfactuals(known));
        }
        Err(stuck) => tracing::warn!("an incident does without the ledger: {stuck}"),
    }
}

/// Puts together what is counted and what the guard says. Of several servers the fullest counts.
#[must_use]
pub fn look(signals: Signals, servers: Vec<Health>) -> Look {
    let connections = servers.iter().filter_map(|health| health.connections.as_ref());
    let fullest = connections.max_by(|a, b| a.percent.total_cmp(&b.percent));
    let connections = fullest.map(|connections| (connections.used, connections.limit));
    let findings: Vec<_> = servers.into_iter().flat_map(|health| health.issues).collect();
    let down = findings.iter().any(|finding| {
        finding.cause == Cause::DatabaseDown && finding.severity == Severity::Critical
    });
    let server = match (down, connections) {
        (true, _) => Server::Down,
        (false, Some(_)) => Server::Up,
        (false, None) => Server::Unknown,
    };
    Look { findings, signals: Signals { server, connections, ..signals } }
}

#[cfg(test)]
mod tests {
    use weir_core::diagnosis::Finding;

    use super::*;

    #[test]
    fn findings_of_all_servers_come_with_the_signals_and_one_that_is_down_is_told() {
        let mut one = Health::unknown("a:5432", "not asked yet");
        let two = Health::unknown("b:5432", "not asked yet");
        let signals = Signals { refused_total: 7, ..Signals::default() };
        let calm = look(signals.clone(), vec![one.clone(), two.clone()]);
        assert_eq!((calm.signals.server, calm.signals.refused_total), (Server::Unknown, 7));
        one.issues.push(Finding::new(Cause::DatabaseDown, Severity::Critical, "gone"));
        let look = look(signals, vec![two, one]);
        assert_eq!((look.signals.server, look.findings.len()), (Server::Down, 1));
    }
}
