//! The command line of `weir check` and `weir watch`.

use clap::{Args, ValueEnum};

/// What to look at.
#[derive(Debug, Clone, Default, Args)]
#[group(required = true, multiple = true)]
pub struct Wanted {
    /// PostgreSQL, as postgres://user:password@host:port/db. The password may also be in
    /// PGPASSWORD, the user in PGUSER.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// A configuration: its servers, unless a URL is given, and its [guard].
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,
}

/// Options of `weir check`.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// What to look at.
    #[command(flatten)]
    pub wanted: Wanted,
    /// The same as --format json.
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// For people, or for machines.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    pub format: Format,
}

impl CheckArgs {
    /// The form that is asked for.
    #[must_use]
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

/// Options of `weir watch`.
#[derive(Debug, Clone, Args)]
pub struct WatchArgs {
    /// What to look at.
    #[command(flatten)]
    pub wanted: Wanted,
    /// One line of JSON whenever something changes: the full answer about a server, or
    /// {"incident": …}.
    #[arg(long)]
    pub json: bool,
    /// Where incidents are kept, for `weir incident`. Without it, and without state_dir in the
    /// configuration, they are kept in memory.
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<String>,
}

/// The forms of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// Everything, for programs.
    Json,
    /// One line, for Nagios and its kin.
    Nagios,
    /// For the textfile collector of Prometheus' node exporter.
    Prometheus,
}
