//! Everything that answers are made from.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::holds::Holds;
use super::snapshot::{PoolRow, Snapshot};
use super::totals::{History, Totals};
use crate::config::settings::Settings;
use crate::incident::report::Story;
use crate::ledger::Picture;
use crate::time::Instant;

/// The process at one moment.
#[derive(Debug)]
pub struct View<'a> {
    /// The program and its version: `Weir 0.1.0`.
    pub version: &'a str,
    /// On the clock of [`History`].
    pub now: Instant,
    /// Seconds since 1970.
    pub unix_seconds: u64,
    /// What is configured.
    pub settings: &'a Settings,
    /// The same as it is written in the file.
    pub config: &'a [ConfigRow],
    /// All workers.
    pub snapshot: &'a Snapshot,
    /// Who has the slots, and what their time goes into.
    pub ledger: &'a Picture,
    /// The latest incidents, the latest first.
    pub incidents: &'a [Arc<Story>],
    /// What averages are made against.
    pub history: &'a History,
    /// What is paused and disabled.
    pub holds: &'a Holds,
    /// The process is being stopped.
    pub stopping: bool,
    /// Connections that have not finished their login.
    pub logins: u64,
    /// Bytes of memory the process has, as the operating system counts them.
    pub resident_bytes: u64,
}

/// One key of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigRow {
    /// Its path: `pool.size`.
    pub key: String,
    /// Its value as TOML.
    pub value: String,
    /// Its default as TOML; `None` where it has none.
    pub default: Option<String>,
    /// A reload changes it.
    pub changeable: bool,
}

impl View<'_> {
    /// When something happened `ago`, by the calendar.
    pub(super) fn when(&self, ago: Duration) -> String {
        super::calendar::utc(self.unix_seconds.saturating_sub(ago.as_secs()))
    }

    /// The pools of a database.
    pub(super) fn pools_of(&self, database: &str) -> impl Iterator<Item = &PoolRow> {
        self.snapshot.pools.iter().filter(move |pool| &*pool.database == database)
    }

    /// The totals of each database and its averages.
    pub(super) fn totals(&self) -> Vec<(Arc<str>, Totals, Totals)> {
        let totals = super::totals::by_database(self.snapshot).into_iter();
        totals
            .map(|(database, now)| {
                let (before, span) = self.history.before(self.now, &database);
                (database, now, now.average(before, span))
            })
            .collect()
    }

    /// The totals of everything and its averages.
    pub(super) fn grand_totals(&self) -> (Totals, Totals) {
        let (mut all, mut older) = (Totals::default(), Totals::default());
        let mut span = Duration::ZERO;
        for (database, totals) in super::totals::by_database(self.snapshot) {
            let (before, ago) = self.history.before(self.now, &database);
            all += totals;
            older += before;
            span = ago;
        }
        (all, all.average(older, span))
    }

    /// The databases that are configured or have pools; `*` for the wildcard entry.
    pub(super) fn databases(&self) -> BTreeSet<&str> {
        let configured = self.settings.databases.keys().map(String::as_str);
        let wildcard = self.settings.wildcard.iter().map(|_| "*");
        let used = self.snapshot.pools.iter().map(|pool| &*pool.database);
        configured.chain(wildcard).chain(used).collect()
    }

    /// The users that are configured or have pools.
    pub(super) fn users(&self) -> BTreeSet<&str> {
        let configured = self.settings.users.keys().map(String::as_str);
        let used = self.snapshot.pools.iter().map(|pool| &*pool.user);
        configured.chain(used).collect()
    }
}
