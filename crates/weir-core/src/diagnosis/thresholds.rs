//! What counts as long, many, near. Written in `[guard]` of the configuration.

use std::time::Duration;

/// The limits that rules compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thresholds {
    /// Connections used of those possible, percent, from which the limit is near: a warning, and
    /// the other rules take things seriously.
    pub near_percent: u8,
    /// The same, from which it is critical.
    pub full_percent: u8,
    /// A statement that runs longer is long.
    pub long_statement: Duration,
    /// More long statements than this are a finding by themselves.
    pub long_statements_max: u32,
    /// A statement that runs longer is slow: nothing by itself, until one route's take half of
    /// connections that are scarce.
    pub slow_statement: Duration,
    /// A transaction silent for longer counts against its application while connections are
    /// scarce.
    pub idle_transaction: Duration,
    /// The same while there are plenty.
    pub idle_transaction_calm: Duration,
    /// A session that has done nothing for longer is forgotten.
    pub forgotten: Duration,
    /// A session blocked by a lock for longer makes a chain.
    pub lock_wait: Duration,
    /// A statement whose client does not read for longer has a slow reader.
    pub slow_reader: Duration,
    /// A client that waits longer for a slot waits too long.
    pub slot_wait: Duration,
    /// New connections a second, or cancel requests a second, from which it is a storm.
    pub storm_per_second: u32,
    /// A rate or a time that is so many times the usual is inflated.
    pub inflated_times: u32,
    /// A server that takes longer to answer the guard is slow.
    pub slow_answer: Duration,
    /// A server that has not answered for longer is down.
    pub silence: Duration,
    /// Application names whose long work is no fault: backups, migrations. `*` at the end stands
    /// for anything.
    pub exempt_applications: Vec<String>,
    /// Roles whose long work is no fault.
    pub exempt_users: Vec<String>,
}

impl Default for Thresholds {
    fn default() -> Self {
        let backups =
            ["pg_dump", "pg_dumpall", "pg_basebackup", "pgbackrest*", "barman*", "wal-g*"];
        Self {
            near_percent: 80,
            full_percent: 95,
            long_statement: Duration::from_secs(30),
            long_statements_max: 5,
            slow_statement: Duration::from_secs(1),
            idle_transaction: Duration::from_secs(2),
            idle_transaction_calm: Duration::from_secs(300),
            forgotten: Duration::from_secs(600),
            lock_wait: Duration::from_secs(5),
            slow_reader: Duration::from_secs(5),
            slot_wait: Duration::from_millis(250),
            storm_per_second: 50,
            inflated_times: 3,
            slow_answer: Duration::from_secs(1),
            silence: Duration::from_secs(3),
            exempt_applications: backups.map(str::to_owned).to_vec(),
            exempt_users: Vec::new(),
        }
    }
}

impl Thresholds {
    /// Whether long work under this application name and role is expected.
    #[must_use]
    pub fn exempts(&self, application: &str, user: &str) -> bool {
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => application.starts_with(start),
            None => application == pattern,
        };
        self.exempt_applications.iter().any(fits) || self.exempt_users.iter().any(|one| one == user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backups_are_exempt_by_name_and_by_the_beginning_of_a_name() {
        let thresholds = Thresholds { exempt_users: vec!["etl".into()], ..Thresholds::default() };
        assert!(thresholds.exempts("pg_dump", "app"));
        assert!(thresholds.exempts("pgbackrest [backup]", "app"));
        assert!(thresholds.exempts("psql", "etl"));
        assert!(!thresholds.exempts("pg_dumper", "app"));
        assert!(!thresholds.exempts("", "app"));
    }
}
