//! What can be asked on the console.

use super::healing::Intervention;
use super::table::{Heading, Kind};
use super::topic::Topic;

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
