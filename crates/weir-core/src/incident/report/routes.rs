//! What each route had of the slots while it hurt, from the ledger's history.

use std::cmp::Reverse;
use std::sync::Arc;

use super::document::Block;
use crate::config::choices::Language;
use crate::incident::book::Incident;
use crate::incident::otherwise::span;
use crate::incident::price::grouped;
use crate::ledger::{ClassKind, FrameClass, Phase, Summary, seconds};

/// Routes that are told of, at most.
const ROUTES_MAX: usize = 10;

/// What one route did.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteUse {
    /// Its name.
    pub route: Arc<str>,
    /// Slots it held, mean.
    pub held: f64,
    /// Of those, in which a statement ran.
    pub executing: f64,
    /// Of those, whose transaction waited for the application.
    pub in_transaction: f64,
    /// Of those, whose answer the client did not read.
    pub client_blocked: f64,
    /// Transactions that ended.
    pub transactions: u64,
    /// Rows that they took, together; statements of less than ten thousand rows are not counted.
    pub rows: u64,
}

impl RouteUse {
    /// The routes that held most, from the stretches in which an incident hurt somebody; none
    /// where no history was kept.
    #[must_use]
    pub fn of(incident: &Incident, stretches: &[Summary]) -> Vec<Self> {
        let (from, until) = span(incident);
        let during: Vec<Summary> =
            stretches.iter().filter(|one| one.until > from && one.from < until).cloned().collect();
        let time: f64 = during.iter().map(Summary::seconds).sum();
        let Some(mut whole) = Summary::whole(&during).filter(|_| time > 0.0) else {
            return Vec::new();
        };
        whole.classes.retain(|class| class.kind != ClassKind::Nobody);
        whole.classes.sort_by_key(|class| Reverse(class.sums.times.held()));
        let held = whole.classes.iter().filter(|class| class.sums.times.held() > 0);
        held.take(ROUTES_MAX).map(|class| Self::over(class, time)).collect()
    }

    fn over(class: &FrameClass, time: f64) -> Self {
        let sums = &class.sums;
        let slots = |nanos| seconds(nanos) / time;
        Self {
            route: Arc::clone(&class.label),
            held: slots(sums.times.held()),
            executing: slots(sums.times[Phase::Executing] + sums.times[Phase::CopyIn]),
            in_transaction: slots(sums.times[Phase::IdleInTransaction]),
            client_blocked: slots(sums.times[Phase::ClientBlocked]),
            transactions: sums.transactions,
            rows: sums.rows,
        }
    }

    /// Rows of one transaction; `None` where too few were taken to be counted.
    fn rows_per_transaction(&self) -> Option<u64> {
        (self.rows > 0).then(|| self.rows / self.transactions.max(1))
    }
}

/// The table of them.
pub(super) fn block(routes: &[RouteUse], language: Language) -> Block {
    let head = [
        language.pick("route", "路由"),
        language.pick("slots, mean", "占用连接（平均）"),
        language.pick("executing", "执行中"),
        language.pick("waiting for the application", "等待应用"),
        language.pick("answer not read", "客户端未读取"),
        language.pick("transactions", "事务数"),
        language.pick("rows a transaction", "每事务行数"),
    ];
    let rows = routes.iter().map(|one| {
        let slots = [one.held, one.executing, one.in_transaction, one.client_blocked];
        let rows = one.rows_per_transaction();
        let mut cells = vec![one.route.to_string()];
        cells.extend(slots.map(|slots| format!("{slots:.2}")));
        cells.push(grouped(one.transactions.into()));
        cells.push(rows.map_or_else(|| "–".to_owned(), |rows| grouped(rows.into())));
        cells
    });
    Block::table(head, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::Wall;
    use crate::incident::report::tests::story;
    use crate::ledger::{ClassSums, PhaseTimes};

    fn stretch(from: u64, until: u64, classes: Vec<FrameClass>) -> Summary {
        Summary {
            from: Wall(from),
            until: Wall(until),
            slots: 20,
            waiting: 0,
            open_nanos: 0,
            times: PhaseTimes::default(),
            pools: Vec::new(),
            classes,
            gaps: Vec::new(),
        }
    }

    fn class(route: &str, kind: ClassKind, held_s: u64, rows: u64) -> FrameClass {
        let mut sums = ClassSums { transactions: 3, rows, ..ClassSums::default() };
        sums.times.charge(Phase::Executing, held_s * 1_000_000_000);
        FrameClass { label: route.into(), kind, sums }
    }

    #[test]
    fn the_routes_of_its_time_are_told_with_their_rows() {
        let mut story = story("bulk");
        let (from, until) = span(&story.incident);
        let tag = ClassKind::Tag;
        let busy = vec![
            class("/quick", tag, 1, 0),
            class("nobody", ClassKind::Nobody, 99, 0),
            class("/report", tag, 20, 900_000),
        ];
        let stretches = [
            stretch(from.0 - 60_000, from.0, vec![class("/before", tag, 50, 0)]),
            stretch(from.0, from.0 + 10_000, busy),
            stretch(until.0, until.0 + 60_000, vec![class("/after", tag, 50, 0)]),
        ];
        let routes = RouteUse::of(&story.incident, &stretches);
        let named: Vec<(&str, f64)> = routes.iter().map(|one| (&*one.route, one.held)).collect();
        assert_eq!(named, [("/report", 2.0), ("/quick", 0.1)]);
        assert!(!story.markdown(Language::En).contains("rows a transaction"));
        story.routes = routes;
        let page = story.markdown(Language::En);
        assert!(page.contains("| /report | 2.00 | 2.00 | 0.00 | 0.00 | 3 | 300,000 |"), "{page}");
        assert!(page.contains("| /quick | 0.10 | 0.10 | 0.00 | 0.00 | 3 | – |"), "{page}");
        assert!(story.html(Language::Zh).contains("每事务行数"));
        assert_eq!(RouteUse::of(&story.incident, &[]), []);
    }
}
