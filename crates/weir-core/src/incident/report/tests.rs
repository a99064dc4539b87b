//! A report tells the story to someone who was not there, in both languages, and is safe to open.

use super::*;
use crate::activity::Statement;
use crate::diagnosis::{Cause, Culprit, Finding, GapEdge, Measure, Severity};
use crate::healing::{Prediction, Step, Verdict};
use crate::incident::{
    Action, Effect, EventKind, IncidentDesk, Moment, Note, Reason, Record, Rules, Signals, Slots,
    Users, Wall,
};
use crate::time::Instant;

/// A minute of calm, thirty seconds of trouble, recovery; as the desk wrote it down.
pub(super) fn story(route: &str) -> Story {
    let mut desk = IncidentDesk::new(Rules::default(), 1);
    let mut records = Vec::new();
    let mut signals = Signals::default();
    let edge = GapEdge {
        before: Statement::of(b"UPDATE orders SET status = 'x' WHERE id = 5"),
        after: Some(Statement::of(b"INSERT INTO log VALUES ('y')")),
    };
    let culprit = Culprit { route: Some(route.into()), gap: Some(edge), ..Culprit::default() };
    let finding =
        Finding::new(Cause::WaitsOnApplication, Severity::Critical, format!("{route} is silent"))
            .culprit(culprit)
            .figure(Measure::Explained, 90.0)
            .leads_to("Slots are gone.")
            .helps("Move the call out of the transaction.");
    for second in 0..240_u64 {
        let now = Moment {
            mono: Instant::from_millis(second * 1000),
            wall: Wall(1_718_964_900_000 + second * 1000),
        };
        let bad = (60..90).contains(&second);
        signals.requests_total += 100;
        signals.refused_total += if bad { 95 } else { 0 };
        signals.users_hit = Users::default();
        let ten = second * 10..second * 10 + if bad { 10 } else { 0 };
        ten.for_each(|user| signals.users_hit.insert(u32::try_from(user).unwrap()));
        let (executing, in_transaction, waiting) =
            if bad { (10.0, 90.0, 80.0) } else { (6.0, 0.0, 0.0) };
        signals.slots =
            Slots { executing, in_transaction, waiting, limit: 100.0, ..Slots::default() };
        let findings = if bad { std::slice::from_ref(&finding) } else { &[] };
        records.extend(desk.observe(now, findings, &signals));
        if second == 80 {
            let action = Action {
                number: 1,
                step: Step::Evict,
                verdict: Verdict::Done,
                target: Culprit { route: Some(route.into()), ..Culprit::default() },
                reason: Reason::Silent,
                evidence: Vec::new(),
                prediction: Prediction { slots: 90, waiting: 80, waiting_after: 0 },
            };
            records.extend(desk.note(now, Note::Action(Box::new(action))));
            let effect =
                Effect { number: 1, slots_freed: 88, waiting_before: 80, waiting_after: 0 };
            records.extend(desk.note(now, Note::Effect(effect)));
        }
    }
    collect(records)
}

fn collect(records: Vec<Record>) -> Story {
    let (mut events, mut incident, mut flight) = (Vec::new(), None, Flight::default());
    for record in records {
        match record {
            Record::Event(_, event) => events.push(event),
            Record::Incident(one) => incident = Some(*one),
            Record::Flight(_, one) => flight = *one,
            Record::Tell(_) => {}
        }
    }
    let price = Some(Price::parse("26.5 CNY").unwrap());
    Story {
        incident: incident.unwrap(),
        events,
        flight,
        price,
        otherwise: Otherwise::NotRecorded,
        routes: Vec::new(),
    }
}

#[track_caller]
fn has(page: &str, parts: &[&str]) {
    for part in parts {
        assert!(page.contains(part), "`{part}` is missing in:\n{page}");
    }
}

#[test]
fn the_story_is_told_in_english() {
    let page = story("bulk").markdown(Language::En);
    has(
        &page,
        &[
            "| Duration | 30 s |",
            "| Requests | 3,000 |",
            "| Refused | 2,850 |",
            "| Users hit | 301 |",
            "| Peak failure rate | 95 % |",
            "| Estimated loss | 75,525 CNY |",
            "1. transactions wait on the application (likely): bulk is silent",
            "silent between `update orders set status = ? where id = ?` and",
            "| 10:16:00 | critical | Incident opened |",
            "| 10:16:30 | info | Requests are served again, after 30 s |",
            "3,000 requests (95 %) of 301 users were refused or failed. bulk is silent",
            "1. 10:16:20 UTC: roll back an idle transaction (done)",
            "- measured: slots freed 88; clients waiting 80 before, 0 after",
            "18 slots would have been enough, not 180",
            "| requests a second | 100.",
            "`atomic-network`",
            "docs/operating/causes/waits-on-application.md",
        ],
    );
    assert!(!page.contains("'x'"), "no value of a statement");
}

#[test]
fn the_story_is_told_in_chinese() {
    let page = story("bulk").markdown(Language::Zh);
    has(
        &page,
        &[
            "| 持续时间 | 30 秒 |",
            "事务在等待应用",
            "回滚空闲事务",
            "只需要 18 个连接，而不是 180 个",
            "移出事务",
            "后果：数据库没有在为它们工作",
        ],
    );
}

#[test]
fn the_html_is_one_file_that_loads_nothing_and_runs_nothing() {
    let page = story("<script>alert(1)</script>").html(Language::En);
    has(
        &page,
        &["<svg", "stroke-dasharray", "unmet demand", "default-src 'none'", "&lt;script&gt;"],
    );
    for banned in ["<script", "<link", "<img", "src=\"", "href=", "url(", "@import"] {
        assert!(!page.contains(banned), "{banned}");
    }
    has(&story("x").html(Language::Zh), &["lang=\"zh-CN\"", "排队等待", "上限 100"]);
}

#[test]
fn an_incident_of_which_nothing_is_known_still_has_a_report() {
    let mut bare = story("x");
    bare.flight = Flight::default();
    bare.incident.suspects.clear();
    bare.events.retain(|event| matches!(event.kind, EventKind::State { .. }));
    for language in [Language::En, Language::Zh] {
        assert!(bare.html(language).len() > 1_000);
        assert!(bare.markdown(language).contains("weir check"));
    }
}
