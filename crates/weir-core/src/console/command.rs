//! What can be asked on the console.

use super::healing::Intervention;
use super::table::{Heading, Kind, Relation};
use super::tables;

/// What one statement asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// SHOW of a table.
    Show(Topic),
    /// SHOW INCIDENT: what happened in the one of this name.
    Incident(String),
    /// SHOW HELP.
    Help,
    /// SHOW of a parameter that drivers ask for.
    Parameter(&'static Parameter),
    /// A SET that drivers send without need; it changes nothing.
    SetIgnored,
    /// BEGIN, COMMIT or ROLLBACK, with its tag: drivers send them, and nothing here is
    /// transactional.
    Transaction(&'static str),
    /// Something that changes the process, for administrators only.
    Operate(Operation),
    /// An order to the healers, likewise.
    Heal {
        /// What.
        order: Intervention,
        /// Only say what would happen.
        dry_run: bool,
    },
}

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

/// A parameter of PostgreSQL that drivers look at.
#[derive(Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name, as PostgreSQL writes it.
    pub name: &'static str,
    /// What the console says it is.
    pub value: &'static str,
}

impl Parameter {
    /// Those that SHOW answers.
    pub const ALL: [Self; 7] = [
        Self { name: "client_encoding", value: "UTF8" },
        Self { name: "datestyle", value: "ISO" },
        Self { name: "default_transaction_isolation", value: "read committed" },
        Self { name: "extra_float_digits", value: "1" },
        Self { name: "standard_conforming_strings", value: "on" },
        Self { name: "timezone", value: "UTC" },
        Self { name: "transaction_isolation", value: "read committed" },
    ];

    /// The column in which SHOW answers it.
    #[must_use]
    pub const fn heading(&self) -> Heading {
        Heading { name: self.name, kind: Kind::Text, about: "", ours: false }
    }

    pub(super) fn find(name: &str) -> Option<&'static Self> {
        static ALL: [Parameter; 7] = Parameter::ALL;
        ALL.iter().find(|parameter| parameter.name.eq_ignore_ascii_case(name))
    }
}

/// A change an administrator asks for. Databases by the name that clients use; all when `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Let transactions end, start none, close server connections; wait until that is done.
    Pause(Option<String>),
    /// End a pause.
    Resume(Option<String>),
    /// Replace server connections as they come free.
    Reconnect(Option<String>),
    /// Wait until the server connections that RECONNECT made stale are closed.
    WaitClose(Option<String>),
    /// Close clients and servers at once, and pause.
    Kill(Option<String>),
    /// Close one client.
    KillClient(u64),
    /// End what a client or server connection is busy with; the client stays connected.
    End(Means, u64),
    /// Refuse new clients.
    Disable(String),
    /// Let new clients in again.
    Enable(String),
    /// Read the configuration again.
    Reload,
    /// Stop the process.
    Shutdown(Shutdown),
}

impl Operation {
    /// The tag of its CommandComplete.
    #[must_use]
    pub const fn tag(&self) -> &'static str {
        match self {
            Self::Pause(_) => "PAUSE",
            Self::Resume(_) => "RESUME",
            Self::Reconnect(_) => "RECONNECT",
            Self::WaitClose(_) => "WAIT_CLOSE",
            Self::Kill(_) => "KILL",
            Self::KillClient(_) => "KILL_CLIENT",
            Self::End(means, _) => means.tag(),
            Self::Disable(_) => "DISABLE",
            Self::Enable(_) => "ENABLE",
            Self::Reload => "RELOAD",
            Self::Shutdown(_) => "SHUTDOWN",
        }
    }

    /// The database it is about, if it is about one.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        match self {
            Self::Pause(name)
            | Self::Resume(name)
            | Self::Reconnect(name)
            | Self::WaitClose(name)
            | Self::Kill(name) => name.as_deref(),
            Self::Disable(name) | Self::Enable(name) => Some(name),
            Self::KillClient(_) | Self::End(..) | Self::Reload | Self::Shutdown(_) => None,
        }
    }
}

/// How what somebody is busy with is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// An idle transaction is rolled back and its server connection goes to others.
    Evict,
    /// A statement is cancelled.
    Cancel,
    /// The server connection is closed under its client.
    CloseServer,
}

impl Means {
    /// The command's word.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Evict => "EVICT",
            Self::Cancel => "CANCEL",
            Self::CloseServer => "CLOSE_SERVER",
        }
    }
}

/// How the process stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// At once.
    Now,
    /// When the transactions under way have ended, as with SIGTERM.
    WaitForServers,
    /// When the last client has left by itself.
    WaitForClients,
}

/// A command as the help and the reference name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Its first word, lower case.
    pub word: &'static str,
    /// How it is written.
    pub syntax: &'static str,
    /// What it does.
    pub about: &'static str,
}

/// Every command besides SHOW.
pub const COMMANDS: [Usage; 21] = [
    Usage {
        word: "pause",
        syntax: "PAUSE [database]",
        about: "Lets the transactions under way end, begins no other, and closes the server \
                connections. Answers when that is done. Clients stay connected and wait, each for \
                at most `pool.query_wait_timeout`. Cancelling the statement, or disconnecting \
                before the answer, ends the pause.",
    },
    Usage {
        word: "resume",
        syntax: "RESUME [database]",
        about: "Ends PAUSE and KILL. Without a name it ends all of them; a database that was \
                paused together with all others is resumed together with them.",
    },
    Usage {
        word: "reconnect",
        syntax: "RECONNECT [database]",
        about: "Closes each server connection when it is next free, and opens others as they are \
                needed: after a failover or a change of a name's address. Answers at once; \
                WAIT_CLOSE waits.",
    },
    Usage {
        word: "wait_close",
        syntax: "WAIT_CLOSE [database]",
        about: "Answers when the server connections that RECONNECT or a reload made stale are \
                closed.",
    },
    Usage {
        word: "kill",
        syntax: "KILL [database]",
        about: "Closes all client and server connections at once, running statements too, and \
                pauses. RESUME ends the pause.",
    },
    Usage {
        word: "kill_client",
        syntax: "KILL_CLIENT id",
        about: "Closes one client: `id` is that of SHOW CLIENTS. Its transaction is rolled back.",
    },
    Usage {
        word: "evict",
        syntax: "EVICT id | CLIENT id | ROUTE name [FORCE] [DRY RUN]",
        about: "Rolls back idle transactions and gives their server connections to others. The \
                clients stay connected and get an error until they roll back. `id` alone is that \
                of SHOW CLIENTS or SHOW SERVERS: whatever it wrote, and refused with the reason \
                where a statement or COMMIT is under way or where the client's session lives on \
                its server connection. CLIENT and ROUTE spare those that are exempt, and without \
                FORCE those that wrote rows; they answer a line for each. With DRY RUN nothing \
                is done.",
    },
    Usage {
        word: "cancel",
        syntax: "CANCEL id",
        about: "Cancels the statement of a client; `id` as for EVICT. Nothing else is sent on its \
                server connection before PostgreSQL has acknowledged that.",
    },
    Usage {
        word: "close_server",
        syntax: "CLOSE_SERVER id",
        about: "Closes a server connection under its client, for what CANCEL does not end; `id` \
                as for EVICT. The client stays connected: its statement ends with an error, and \
                its transaction has failed.",
    },
    Usage {
        word: "disable",
        syntax: "DISABLE database",
        about: "Refuses new clients of the database. Those that are connected stay.",
    },
    Usage { word: "enable", syntax: "ENABLE database", about: "Ends DISABLE." },
    Usage {
        word: "reload",
        syntax: "RELOAD",
        about: "Reads the configuration again, as SIGHUP does. Nobody is disconnected. A \
                configuration with problems changes nothing, and the answer names the first.",
    },
    Usage {
        word: "shutdown",
        syntax: "SHUTDOWN [WAIT_FOR_SERVERS | WAIT_FOR_CLIENTS]",
        about: "Stops the process: at once; or when the transactions under way have ended, for at \
                most `timeouts.shutdown_wait`, as SIGTERM does; or when the last client has left \
                by itself. New connections are not accepted meanwhile.",
    },
    Usage {
        word: "cap",
        syntax: "CAP ROUTE name slots | OFF [DRY RUN]",
        about: "Most slots that a route may hold in each pool, until OFF or the end of the \
                process. What it holds beyond that it keeps until its transactions end.",
    },
    Usage {
        word: "quarantine",
        syntax: "QUARANTINE ROUTE name | FINGERPRINT digits [OFF] [DRY RUN]",
        about: "Lets the transactions of a route, or those that begin with a statement, in one at \
                a time, and refuses the others (53300) until three in a row were well.",
    },
    Usage {
        word: "exempt",
        syntax: "EXEMPT USER name | APPLICATION name | ROUTE name [OFF] [DRY RUN]",
        about: "The healing ladder ends no work of theirs, until OFF or the end of the process. \
                For good: `healing.exempt_users` and its like.",
    },
    Usage {
        word: "freeze",
        syntax: "FREEZE [DRY RUN]",
        about: "Stops the healing ladder and the controller of caps at once, on all workers, and \
                lifts what they did. Commands of operators work still.",
    },
    Usage {
        word: "unfreeze",
        syntax: "UNFREEZE [DRY RUN]",
        about: "Ends FREEZE, and closes a breaker that opened because actions did not help.",
    },
    Usage {
        word: "suspend",
        syntax: "SUSPEND",
        about: "Refused: there is no hand-over of sockets to another process. PAUSE holds \
                clients.",
    },
    Usage {
        word: "set",
        syntax: "SET key = value",
        about: "Refused: the configuration is the file, so that a restart changes nothing. Change \
                it there and RELOAD. What drivers set by habit, such as `application_name`, is \
                accepted and ignored.",
    },
    Usage {
        word: "show",
        syntax: "SHOW table | SHOW INCIDENT [id]",
        about: "Answers one of the tables below; SHOW HELP lists them. SHOW INCIDENT answers what \
                happened in an incident, with the columns time, severity and what: that of this \
                name, or whose name begins so; without it, in the latest.",
    },
];

/// The help: every command and every table.
#[must_use]
pub fn usage() -> String {
    let tables: Vec<String> =
        Topic::ALL.iter().map(|topic| topic.table().name().to_ascii_uppercase()).collect();
    let mut text = format!("\n\tSHOW HELP|{}", tables.join("|"));
    for command in COMMANDS.iter().filter(|command| command.word != "show") {
        text.push_str("\n\t");
        text.push_str(command.syntax);
    }
    text
}
