//! Which sessions belong together, and what can be said of all of them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::finding::Culprit;
use crate::activity::{Seen, Statement};

/// The largest group of sessions that have the same key; of equals, the first key's.
pub(super) fn largest<'a, K: Ord>(
    sessions: &[Seen<'a>],
    key: impl Fn(&Seen<'a>) -> K,
) -> Vec<Seen<'a>> {
    let mut groups: BTreeMap<K, Vec<Seen<'a>>> = BTreeMap::new();
    for seen in sessions {
        groups.entry(key(seen)).or_default().push(*seen);
    }
    groups.into_values().rev().max_by_key(Vec::len).unwrap_or_default()
}

/// Route and statement: the code that asked.
pub(super) fn code<'a>(seen: &Seen<'a>) -> (String, String, u64) {
    let route = seen.route().unwrap_or_default().to_owned();
    (route, seen.application().to_owned(), seen.session.statement.fingerprint.0)
}

/// Application, role and host: the program that connected.
pub(super) fn origin<'a>(seen: &Seen<'a>) -> (String, String, String) {
    (seen.application().to_owned(), seen.session.user.clone(), seen.host().to_owned())
}

/// What holds for every one of these sessions.
pub(super) fn culprit(sessions: &[Seen<'_>]) -> Culprit {
    let same = |value: &dyn Fn(&Seen<'_>) -> String| {
        let first = value(sessions.first()?);
        let all = sessions.iter().all(|seen| value(seen) == first);
        (all && !first.is_empty()).then_some(first)
    };
    let application = same(&|seen| seen.application().to_owned());
    let [only] = sessions else {
        return Culprit {
            route: same(&|seen| seen.route().unwrap_or_default().to_owned()),
            application,
            user: same(&|seen| seen.session.user.clone()),
            database: same(&|seen| seen.session.database.clone()),
            address: same(&|seen| seen.host().to_owned()),
            pid: None,
            statement: same_statement(sessions),
            gap: None,
        };
    };
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Culprit {
        route: only.route().and_then(text),
        application,
        user: text(&only.session.user),
        database: text(&only.session.database),
        address: text(only.host()),
        pid: Some(only.session.pid),
        statement: same_statement(sessions),
        gap: None,
    }
}

fn same_statement(sessions: &[Seen<'_>]) -> Option<Statement> {
    let first = &sessions.first()?.session.statement;
    let all = sessions.iter().all(|seen| seen.session.statement.fingerprint == first.fingerprint);
    (all && !first.is_empty()).then(|| first.clone())
}

/// The longest of some times; zero without any.
pub(super) fn longest(times: impl Iterator<Item = Duration>) -> Duration {
    times.max().unwrap_or_default()
}

/// The middle one of some times, the later of two; zero without any.
pub(super) fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// A count as a figure.
pub(super) fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// How a culprit is called in a sentence.
pub(super) fn name(culprit: &Culprit) -> String {
    let quoted = |label: &str, name: &Option<String>| {
        name.as_ref().map(|name| format!("{label} \"{name}\""))
    };
    quoted("route", &culprit.route)
        .or_else(|| quoted("application", &culprit.application))
        .or_else(|| quoted("role", &culprit.user))
        .unwrap_or_else(|| "several programs".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::tests::{Build, session};

    #[test]
    fn a_group_is_blamed_for_what_all_of_it_has() {
        let sessions = [
            session(1).active(1.0).sql("select 1").application("report"),
            session(2).active(1.0).sql("select 2").application("report"),
            session(3).active(1.0).sql("select a from b").application("shop"),
        ];
        let seen: Vec<Seen<'_>> =
            sessions.iter().map(|session| Seen { session, holder: None }).collect();
        let group = largest(&seen, code);
        assert_eq!(group.len(), 2);
        let culprit = culprit(&group);
        assert_eq!(culprit.application.as_deref(), Some("report"));
        assert_eq!(culprit.statement.unwrap().text, "select ?");
        assert_eq!((culprit.pid, culprit.route), (None, None));
        assert_eq!(self::culprit(&seen).application, None);
    }

    #[test]
    fn the_median_of_nothing_is_nothing() {
        let times = |seconds: &[u64]| median(seconds.iter().copied().map(Duration::from_secs));
        assert_eq!(times(&[]), Duration::ZERO);
        assert_eq!(times(&[9, 1, 5]), Duration::from_secs(5));
    }
}
