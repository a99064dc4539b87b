//! What SHOW shows, and how much of a worker that takes.

use super::table::Relation;
use super::tables;

/// What SHOW shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Pools.
    Pools,
    /// Client connections.
    Clients,
    /// Server connections.
    Servers,
    /// Totals and averages of each database.
    Stats,
    /// Totals of each database.
    StatsTotals,
    /// Averages of each database.
    StatsAverages,
    /// Totals and averages of everything.
    Totals,
    /// Databases.
    Databases,
    /// Users.
    Users,
    /// The configuration.
    Config,
    /// Who has the server connections.
    Holders,
    /// Who waits for one.
    Waiters,
    /// Routes by phase.
    Routes,
    /// Where transactions wait for the application.
    Gaps,
    /// The ledger as a whole.
    Ledger,
    /// What the healers did.
    Actions,
    /// The same of seven days, in sums.
    ActionsSummary,
    /// Classes whose slots are limited.
    Caps,
    /// Who is let in one at a time.
    Quarantine,
    /// The latest incidents.
    Incidents,
    /// Counts.
    Lists,
    /// Memory.
    Mem,
    /// Running or paused.
    State,
    /// The program's version.
    Version,
}

impl Topic {
    /// All of them, in the order of the reference.
    pub const ALL: [Self; 24] = [
        Self::Pools,
        Self::Clients,
        Self::Servers,
        Self::Stats,
        Self::StatsTotals,
        Self::StatsAverages,
        Self::Totals,
        Self::Databases,
        Self::Users,
        Self::Config,
        Self::Holders,
        Self::Waiters,
        Self::Routes,
        Self::Gaps,
        Self::Ledger,
        Self::Actions,
        Self::ActionsSummary,
        Self::Caps,
        Self::Quarantine,
        Self::Incidents,
        Self::Lists,
        Self::Mem,
        Self::State,
        Self::Version,
    ];

    /// Its table.
    #[must_use]
    pub fn table(self) -> &'static dyn Relation {
        match self {
            Self::Pools => &tables::POOLS,
            Self::Clients => &tables::CLIENTS,
            Self::Servers => &tables::SERVERS,
            Self::Stats => &tables::STATS,
            Self::StatsTotals => &tables::STATS_TOTALS,
            Self::StatsAverages => &tables::STATS_AVERAGES,
            Self::Totals => &tables::TOTALS,
            Self::Databases => &tables::DATABASES,
            Self::Users => &tables::USERS,
            Self::Config => &tables::CONFIG,
            Self::Holders => &tables::HOLDERS,
            Self::Waiters => &tables::WAITERS,
            Self::Routes => &tables::ROUTES,
            Self::Gaps => &tables::GAPS,
            Self::Ledger => &tables::LEDGER,
            Self::Actions => &tables::ACTIONS,
            Self::ActionsSummary => &tables::SUMMARY,
            Self::Caps => &tables::CAPS,
            Self::Quarantine => &tables::QUARANTINE,
            Self::Incidents => &tables::INCIDENTS,
            Self::Lists => &tables::LISTS,
            Self::Mem => &tables::MEM,
            Self::State => &tables::STATE,
            Self::Version => &tables::VERSION,
        }
    }

    /// What workers are asked for.
    #[must_use]
    pub const fn needs(self) -> Needs {
        match self {
            Self::Clients | Self::Servers => Needs::Connections,
            Self::Holders | Self::Waiters | Self::Routes | Self::Gaps | Self::Ledger => {
                Needs::Ledger
            }
            Self::Actions | Self::ActionsSummary | Self::Caps | Self::Quarantine => Needs::Healing,
            Self::Pools
            | Self::Stats
            | Self::StatsTotals
            | Self::StatsAverages
            | Self::Totals
            | Self::Databases
            | Self::Users
            | Self::Config
            | Self::Incidents
            | Self::Lists
            | Self::Mem
            | Self::State
            | Self::Version => Needs::Pools,
        }
    }

    /// Only the ledger knows it. (Who waits, the pools know, too.)
    #[must_use]
    pub const fn is_of_ledger(self) -> bool {
        matches!(self, Self::Holders | Self::Routes | Self::Gaps | Self::Ledger)
    }

    pub(super) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.table().name().eq_ignore_ascii_case(name))
    }
}

/// How much of a worker is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Pools and sums.
    Pools,
    /// Each client and server connection too.
    Connections,
    /// Pools and sums, and the ledger.
    Ledger,
    /// The same, each server connection, and those clients that have one or wait for one.
    Slots,
    /// The ledger with every gap edge.
    History,
    /// Pools and sums, and what the healer did.
    Healing,
}
