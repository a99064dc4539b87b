//! A limit on connections is near or reached: the server's, a database's, a role's. Says that, not
//! why.

use crate::activity::{Contact, Narrower, Picture, Sample, Seen, State, Whose};
use crate::diagnosis::group::{count, culprit, largest, name, origin};
use crate::diagnosis::{Cause, Confidence, Culprit, Finding, Measure, Severity};

/// Fires for each limit from the percentages of the settings, and when the server tells the guard
/// itself that it is full.
pub(super) fn limit_near(picture: &Picture) -> Vec<Finding> {
    if let Contact::Full(why) = &picture.contact {
        return vec![refused(why)];
    }
    let Some(sample) = &picture.sample else { return Vec::new() };
    let server = near(picture, "the server", sample.used(), picture.possible());
    let server = server.map(|finding| {
        let all: Vec<_> = picture.clients().collect();
        let summary = format!("{} Most: {}.", finding.summary, programs(&all));
        Finding { summary, ..finding.culprit(culprit(&largest(&all, origin))) }
    });
    let narrower = sample.facts.narrower.iter().filter_map(|limit| {
        let (whose, who) = names(&limit.whose);
        Some(near(picture, &whose, used_of(sample, limit), limit.limit)?.culprit(who))
    });
    server.into_iter().chain(narrower).collect()
}

/// Programs that are told of by name.
const PROGRAMS_TOLD: usize = 3;

/// Who has the connections: the programs with most of them, and how many of these are idle.
fn programs(all: &[Seen<'_>]) -> String {
    let mut left = all.to_vec();
    let mut told = Vec::new();
    while !left.is_empty() && told.len() < PROGRAMS_TOLD {
        let most = largest(&left, origin);
        let Some(first) = most.first().map(origin) else { break };
        left.retain(|seen| origin(seen) != first);
        let silent = |state| most.iter().filter(|seen| seen.session.state == state).count();
        let who = name(&Culprit { route: None, ..culprit(&most) });
        told.push(match (silent(State::Idle), silent(State::IdleInTransaction)) {
            (0, 0) => format!("{} of {who}", most.len()),
            (idle, 0) => format!("{} of {who} ({idle} idle)", most.len()),
            (0, open) => format!("{} of {who} ({open} idle in transaction)", most.len()),
            (idle, open) => {
                format!("{} of {who} ({idle} idle, {open} idle in transaction)", most.len())
            }
        });
    }
    told.join(", ")
}

fn near(picture: &Picture, whose: &str, used: u32, limit: u32) -> Option<Finding> {
    let percent = 100.0 * f64::from(used) / f64::from(limit.max(1));
    if limit == 0 || percent < f64::from(picture.thresholds.near_percent) {
        return None;
    }
    let full = percent >= f64::from(picture.thresholds.full_percent);
    let severity = if full { Severity::Critical } else { Severity::Warning };
    let until = picture.until_full().map(|time| time.as_secs_f64());
    let consequence = match until {
        Some(seconds) if !full => format!("At this rate it is full in {seconds:.0} s."),
        Some(_) | None => "Who connects next is refused (53300).".to_owned(),
    };
    let summary = format!("{used} of {limit} connections of {whose} are used ({percent:.0} %).");
    let finding = Finding::new(Cause::LimitNear, severity, summary)
        .confidence(Confidence::Certain)
        .figure(Measure::Explained, used)
        .figure(Measure::ConnectionsUsed, used)
        .figure(Measure::ConnectionsLimit, limit)
        .figure(Measure::ConnectionsPercent, percent)
        .figure_if(Measure::UntilFull, until)
        .leads_to(consequence)
        .helps(
            "Look at who holds them before raising the limit: more connections make a busy server \
             slower. A proxy that pools transactions needs far fewer.",
        );
    Some(finding)
}

fn refused(why: &str) -> Finding {
    let summary = format!("The server has no connection left, not even for this check: {why}.");
    Finding::new(Cause::LimitNear, Severity::Critical, summary)
        .confidence(Confidence::Certain)
        .figure(Measure::ConnectionsPercent, 100.0)
        .leads_to("Who connects next is refused (53300).")
        .helps(
            "To see who holds them, check with a role that may use reserved slots: a superuser, or \
             from PostgreSQL 16 on a member of pg_use_reserved_connections; or keep a guard \
             connected from before (weir watch, weir up).",
        )
}

fn used_of(sample: &Sample, limit: &Narrower) -> u32 {
    let fits = |session: &&crate::activity::Session| match &limit.whose {
        Whose::Database(name) => session.database == *name,
        Whose::Role(name) => session.user == *name,
    };
    count(sample.clients().filter(fits).count())
}

fn names(whose: &Whose) -> (String, Culprit) {
    match whose {
        Whose::Database(name) => (
            format!("database \"{name}\""),
            Culprit { database: Some(name.clone()), ..Culprit::default() },
        ),
        Whose::Role(name) => {
            (format!("role \"{name}\""), Culprit { user: Some(name.clone()), ..Culprit::default() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::tests::{Build, session};
    use crate::diagnosis::rules::tests::{fires, holds, server};

    #[test]
    fn fires_at_the_percentages_of_the_limit_that_the_server_has() {
        let with = |clients| server((0..clients).map(session).collect());
        holds(limit_near, &with(7));
        assert_eq!(fires(limit_near, &with(8)).severity, Severity::Warning);
        let full = fires(limit_near, &with(10));
        assert_eq!(full.severity, Severity::Critical);
        assert_eq!(full.value(Measure::ConnectionsLimit), Some(10.0));
    }

    #[test]
    fn says_who_has_most_of_the_connections() {
        let app = |count: i32, name: &str| {
            (0..count).map(|pid| session(pid).application(name)).collect::<Vec<_>>()
        };
        let sessions = [
            app(4, "leaky"),
            app(3, "web").into_iter().map(|one| one.active(1.0)).collect(),
            app(2, "bulk").into_iter().map(|one| one.silent(9.0)).collect(),
            app(1, "psql"),
        ];
        let finding = fires(limit_near, &server(sessions.concat()));
        let expected = "Most: 4 of application \"leaky\" (4 idle), 3 of application \"web\", 2 of \
                        application \"bulk\" (2 idle in transaction).";
        assert!(finding.summary.ends_with(expected), "{}", finding.summary);
    }

    #[test]
    fn fires_for_the_limit_of_a_role_or_database() {
        let mut picture = server((0..3).map(session).collect());
        let sample = picture.sample.as_mut().unwrap();
        sample.facts.narrower = vec![
            Narrower { whose: Whose::Role("app".into()), limit: 3 },
            Narrower { whose: Whose::Database("shop".into()), limit: 9 },
            Narrower { whose: Whose::Role("nobody".into()), limit: 0 },
        ];
        let finding = fires(limit_near, &picture);
        assert_eq!(finding.culprit.user.as_deref(), Some("app"));
    }

    #[test]
    fn says_when_until_full_is_known() {
        let mut picture = server((0..8).map(session).collect());
        picture.trend.growth_per_second = Some(0.5);
        assert_eq!(fires(limit_near, &picture).consequence, "At this rate it is full in 4 s.");
    }

    #[test]
    fn fires_when_the_guard_is_refused_and_says_what_to_grant() {
        let mut picture = server(Vec::new());
        picture.contact = Contact::Full("sorry, too many clients already".into());
        let finding = fires(limit_near, &picture);
        assert!(finding.remedy.text.contains("pg_use_reserved_connections"));
    }
}
