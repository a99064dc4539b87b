//! Who waits for whose locks: chains from each waiter to the session at its root.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::sample::Session;
use crate::ids::Pid;

/// All sessions that wait, in the end, for the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Who blocks them and is not blocked. 0 is a prepared transaction; in a deadlock that
    /// PostgreSQL has not found yet, one of the sessions in it.
    pub root: Pid,
    /// Who waits, directly or behind others, by process id.
    pub waiters: Vec<Pid>,
    /// Steps from the root to the last waiter, at least 1.
    pub depth: u32,
    /// How long the oldest of their statements runs: an upper bound of the wait.
    pub oldest_wait: Duration,
}

/// The chains of a sample, the one with most waiters first. Of several blockers the first counts:
/// `pg_blocking_pids` names holders of the lock before those that only queue for it.
#[must_use]
pub fn chains(sessions: &[Session]) -> Vec<Chain> {
    let blocker: BTreeMap<Pid, Pid> = sessions
        .iter()
        .filter_map(|session| Some((session.pid, *session.blocked_by.first()?)))
        .collect();
    let mut found: BTreeMap<Pid, Chain> = BTreeMap::new();
    for session in sessions.iter().filter(|session| blocker.contains_key(&session.pid)) {
        let (root, depth) = root(session.pid, &blocker);
        if root == session.pid {
            continue; // The one that stands for a deadlock does not wait for itself.
        }
        let chain = found.entry(root).or_insert_with(|| Chain {
            root,
            waiters: Vec::new(),
            depth: 0,
            oldest_wait: Duration::ZERO,
        });
        chain.waiters.push(session.pid);
        chain.depth = chain.depth.max(depth);
        chain.oldest_wait = chain.oldest_wait.max(session.running().unwrap_or_default());
    }
    let mut chains: Vec<Chain> = found.into_values().collect();
    chains.iter_mut().for_each(|chain| chain.waiters.sort_unstable());
    chains.sort_by_key(|chain| std::cmp::Reverse(chain.waiters.len()));
    chains
}

/// Follows the blockers of a session to their end, or to the smallest process id of the circle they
/// run into; and the steps there.
fn root(from: Pid, blocker: &BTreeMap<Pid, Pid>) -> (Pid, u32) {
    let (mut path, mut seen) = (vec![from], BTreeSet::from([from]));
    let mut at = from;
    while let Some(&next) = blocker.get(&at) {
        if !seen.insert(next) {
            let circle = path.iter().enumerate().skip_while(|(_, pid)| **pid != next);
            let smallest = circle.min_by_key(|(_, pid)| **pid);
            return smallest.map_or((next, 0), |(steps, pid)| (*pid, depth(steps)));
        }
        path.push(next);
        at = next;
    }
    (at, depth(path.len() - 1))
}

fn depth(steps: usize) -> u32 {
    u32::try_from(steps).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Build, session};
    use super::*;

    fn check(waits: &[(i32, &[i32])], expected: &[(i32, &[i32], u32)]) {
        let sessions: Vec<Session> =
            waits.iter().map(|(pid, by)| session(*pid).active(1.0).blocked_by(by)).collect();
        let found: Vec<(i32, Vec<i32>, u32)> = chains(&sessions)
            .into_iter()
            .map(|chain| (chain.root.0, chain.waiters.iter().map(|p| p.0).collect(), chain.depth))
            .collect();
        let expected: Vec<(i32, Vec<i32>, u32)> = expected
            .iter()
            .map(|(root, waiters, depth)| (*root, waiters.to_vec(), *depth))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn waiters_are_led_to_the_root_behind_those_they_wait_for() {
        check(&[(1, &[]), (2, &[])], &[]);
        check(&[(1, &[]), (2, &[1]), (3, &[2]), (4, &[1, 2])], &[(1, &[2, 3, 4], 2)]);
        check(&[(2, &[1]), (5, &[9]), (6, &[9])], &[(9, &[5, 6], 1), (1, &[2], 1)]);
        check(&[(3, &[0])], &[(0, &[3], 1)]);
    }

    #[test]
    fn a_deadlock_ends_and_has_one_root() {
        check(&[(2, &[3]), (3, &[2]), (4, &[3])], &[(2, &[3, 4], 2)]);
        check(&[(7, &[7])], &[]);
    }
}
