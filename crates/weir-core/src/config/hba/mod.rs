//! Host-based authentication: the first rule that matches a connection says how it proves itself.
//!
//! The file format is the part of `pg_hba.conf` that PgBouncer reads (PostgreSQL documentation,
//! "The pg_hba.conf File"; PgBouncer, "HBA file format").

mod parse;

use std::net::IpAddr;

pub use parse::parse;

/// The rules of one file, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HbaRules {
    /// The first that matches decides.
    pub rules: Vec<HbaRule>,
}

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HbaRule {
    /// How the client must have come in.
    pub transport: Transport,
    /// The databases it speaks of; one match is enough.
    pub databases: Vec<DatabaseMatch>,
    /// The users it speaks of; one match is enough.
    pub users: Vec<UserMatch>,
    /// The addresses it speaks of; `local` rules have `All`.
    pub network: Network,
    /// What it decides.
    pub method: HbaMethod,
    /// Its line, from 1, for the log.
    pub line: u32,
}

/// How the client must have come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// `local`: a unix socket.
    Local,
    /// `host`: TCP.
    Host,
    /// `hostssl`: TCP with TLS.
    HostTls,
    /// `hostnossl`: TCP without TLS.
    HostPlain,
}

/// A word of the database column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseMatch {
    /// `all`: every database, but not replication connections.
    All,
    /// `sameuser`: the database is named as the user.
    SameUser,
    /// `replication`: a physical replication connection.
    Replication,
    /// This database.
    Name(String),
}

/// A word of the user column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserMatch {
    /// `all`: every user.
    All,
    /// This user.
    Name(String),
}

/// The address column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// `all`: every address.
    All,
    /// Those that agree with `address` in the bits of `mask`.
    Masked {
        /// The network's address.
        address: IpAddr,
        /// The bits that count; of the same family as `address`.
        mask: IpAddr,
    },
}

/// What a rule decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HbaMethod {
    /// No proof is asked.
    Trust,
    /// No connection.
    Reject,
    /// The password in clear text.
    Password,
    /// An md5 challenge, or SCRAM where a SCRAM secret is stored.
    Md5,
    /// SCRAM-SHA-256.
    Scram,
    /// A client certificate that names the user.
    Cert,
    /// The operating system's user of a unix socket's peer has the same name.
    Peer,
}

/// What is known of a connection when it has to be judged.
#[derive(Debug, Clone, Copy)]
pub struct Connection<'a> {
    /// Where it comes from; `None` is a unix socket.
    pub address: Option<IpAddr>,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Whether it asked for physical replication.
    pub replication: bool,
    /// The database it asked for.
    pub database: &'a str,
    /// The user it claims to be.
    pub user: &'a str,
}

/// The judgement over a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The rule in `line` says by which method the client proves itself; `Reject` included.
    Rule {
        /// The method.
        method: HbaMethod,
        /// The line of the rule.
        line: u32,
    },
    /// No rule speaks of it: refused.
    NoRule,
}

impl HbaRules {
    /// Judges a connection by the first rule that matches.
    #[must_use]
    pub fn decide(&self, connection: &Connection<'_>) -> Decision {
        match self.rules.iter().find(|rule| rule.matches(connection)) {
            Some(rule) => Decision::Rule { method: rule.method, line: rule.line },
            None => Decision::NoRule,
        }
    }
}

impl HbaRule {
    fn matches(&self, connection: &Connection<'_>) -> bool {
        self.transport.matches(connection)
            && self.network.matches(connection.address)
            && self.databases.iter().any(|word| word.matches(connection))
            && self.users.iter().any(|word| word.matches(connection.user))
    }
}

impl Transport {
    fn matches(self, connection: &Connection<'_>) -> bool {
        let tcp = connection.address.is_some();
        match self {
            Self::Local => !tcp,
            Self::Host => tcp,
            Self::HostTls => tcp && connection.tls,
            Self::HostPlain => tcp && !connection.tls,
        }
    }
}

impl DatabaseMatch {
    fn matches(&self, connection: &Connection<'_>) -> bool {
        match self {
            Self::All => !connection.replication,
            Self::SameUser => !connection.replication && connection.database == connection.user,
            Self::Replication => connection.replication,
            Self::Name(name) => !connection.replication && connection.database == name,
        }
    }
}

impl UserMatch {
    fn matches(&self, user: &str) -> bool {
        match self {
            Self::All => true,
            Self::Name(name) => user == name,
        }
    }
}

impl Network {
    fn matches(&self, address: Option<IpAddr>) -> bool {
        let Self::Masked { address: network, mask } = self else { return true };
        // A dual-stack socket reports IPv4 clients as ::ffff:a.b.c.d.
        match (address.map(|address| address.to_canonical()), network, mask) {
            (Some(IpAddr::V4(client)), IpAddr::V4(network), IpAddr::V4(mask)) => {
                client & mask == *network & mask
            }
            (Some(IpAddr::V6(client)), IpAddr::V6(network), IpAddr::V6(mask)) => {
                client & mask == *network & mask
            }
            (None, ..)
            | (Some(_), IpAddr::V4(_) | IpAddr::V6(_), IpAddr::V4(_) | IpAddr::V6(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests;
