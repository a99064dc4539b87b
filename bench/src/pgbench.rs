//! pgbench as the client: the load that everybody can repeat.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use weir_testkit::{PgServer, output_within};

use crate::deadline::Deadline;

/// Database and user of every measurement.
pub(crate) const DATABASE: &str = "postgres";
pub(crate) const USER: &str = "postgres";

/// Their password at proxies, where one is asked for.
pub(crate) const PASSWORD: &str = "bench-secret";

/// How long its tables may take to be made.
const PATIENCE: Duration = Duration::from_secs(600);

/// How statements reach the server: pgbench's `-M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Protocol {
    Simple,
    Extended,
    Prepared,
}

impl Protocol {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Extended => "extended",
            Self::Prepared => "prepared",
        }
    }
}

/// Makes pgbench's tables.
pub(crate) fn initialise(server: &PgServer, scale: u32) -> Result<()> {
    let mut command = Command::new(server.installation().program("pgbench"));
    command.args(["--initialize", "--quiet", "--scale", &scale.to_string()]);
    aim(&mut command, server.port());
    output_within(PATIENCE, &mut command).map(drop)
}

/// `pgbench -S` through `port`, its clients on two threads.
pub(crate) fn select_only(server: &PgServer, port: u16, protocol: Protocol) -> Command {
    let mut command = Command::new(server.installation().program("pgbench"));
    command.args(["--no-vacuum", "--select-only", "--protocol", protocol.name()]);
    command.args(["--jobs", "2"]);
    aim(&mut command, port);
    command
}

/// Runs so many transactions with each of so many clients.
pub(crate) fn run_transactions(
    command: &mut Command,
    clients: u32,
    each: u32,
    deadline: Deadline,
) -> Result<()> {
    command.args(["--client", &clients.to_string(), "--transactions", &each.to_string()]);
    output_within(deadline.left(), command).map(drop)
}

fn aim(command: &mut Command, port: u16) {
    command.args(["--host", "127.0.0.1", "--port", &port.to_string(), "--username", USER]);
    command.arg(DATABASE).env("PGSSLMODE", "disable").env("PGGSSENCMODE", "disable");
}
