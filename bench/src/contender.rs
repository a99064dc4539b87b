//! What is measured: no proxy, Weir, PgBouncer, or any other by a command.

mod settings;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use anyhow::{Context, Result};
use weir_testkit::{PgBouncer, Weir};

use crate::cells::Section;
use crate::deadline::Deadline;
use crate::load::connection::Door;
use crate::pgbench::DATABASE;
pub(crate) use settings::{Files, Login, SetUp, Setting};

/// A way to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Contender {
    /// No proxy.
    Direct,
    /// Weir.
    Weir { program: PathBuf, setting: Setting },
    /// PgBouncer.
    PgBouncer { program: PathBuf, version: String },
    /// Any other proxy, that somebody else has started before the server's port.
    Other(Other),
}

/// A proxy that runs already: its name, its port on 127.0.0.1, and its process where its cost is to
/// be measured too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Other {
    name: String,
    port: u16,
    pid: Option<i32>,
}

impl FromStr for Other {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let form = "expected NAME=127.0.0.1:PORT or NAME=127.0.0.1:PORT,PID; the proxy must run on \
                    this machine, as the load does";
        let (name, place) = text.split_once('=').context(form)?;
        let (address, pid) = match place.split_once(',') {
            Some((address, pid)) => (address, Some(pid.parse().context(form)?)),
            None => (place, None),
        };
        let address: SocketAddrV4 = address.parse().context(form)?;
        anyhow::ensure!(*address.ip() == Ipv4Addr::LOCALHOST && !name.is_empty(), form);
        Ok(Self { name: name.to_owned(), port: address.port(), pid })
    }
}

/// A running proxy, or none.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) port: u16,
    /// The proxy's process.
    pub(crate) pid: Option<i32>,
    /// Where its clients go, in turn.
    databases: &'static [&'static str],
    process: Option<Process>,
}

#[derive(Debug)]
enum Process {
    Weir(Weir),
    PgBouncer(PgBouncer),
}

impl Running {
    const fn new(port: u16, pid: Option<i32>, process: Option<Process>) -> Self {
        Self { port, pid, databases: &[DATABASE], process }
    }

    /// Where clients come in, until the cell counts as stuck.
    pub(crate) const fn door(&self, deadline: Deadline) -> Door {
        Door { port: self.port, databases: self.databases, deadline }
    }

    /// Ends it in good order. Dropping it ends it too, with less patience.
    pub(crate) fn end(self) -> Result<()> {
        match self.process {
            Some(Process::Weir(weir)) => weir.stop(),
            Some(Process::PgBouncer(bouncer)) => {
                drop(bouncer);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Contender {
    /// Weir in every setting; without io_uring where it is not to be had.
    pub(crate) fn weirs(program: &Path, has_uring: bool) -> Vec<Self> {
        let settings = Setting::ALL.into_iter().filter(|it| *it != Setting::Uring || has_uring);
        settings.map(|setting| Self::Weir { program: program.to_owned(), setting }).collect()
    }

    /// PgBouncer, asked for its version.
    pub(crate) fn pgbouncer(program: &Path) -> Result<Self> {
        let said = weir_testkit::output(Command::new(program).arg("--version"))?;
        let version = said.split_whitespace().nth(1).unwrap_or("unknown").to_owned();
        Ok(Self::PgBouncer { program: program.to_owned(), version })
    }

    pub(crate) fn name(&self) -> String {
        match self {
            Self::Direct => "direct".to_owned(),
            Self::Weir { setting, .. } => setting.name().to_owned(),
            Self::PgBouncer { version, .. } => format!("pgbouncer {version}"),
            Self::Other(other) => other.name.clone(),
        }
    }

    /// Where it is compared with others.
    pub(crate) const fn section(&self) -> Section {
        match self {
            Self::Direct | Self::PgBouncer { .. } | Self::Other(_) => Section::Proxies,
            Self::Weir { setting, .. } => setting.section(),
        }
    }

    /// Whether it is Weir in this setting.
    pub(crate) fn has_setting(&self, wanted: Setting) -> bool {
        matches!(self, Self::Weir { setting, .. } if *setting == wanted)
    }

    /// The program that is started, where one is.
    pub(crate) fn program(&self) -> Option<&Path> {
        match self {
            Self::Direct | Self::Other(_) => None,
            Self::Weir { program, .. } | Self::PgBouncer { program, .. } => Some(program),
        }
    }

    /// Whether there is a process to watch.
    pub(crate) fn is_process(&self) -> bool {
        match self {
            Self::Direct => false,
            Self::Weir { .. } | Self::PgBouncer { .. } => true,
            Self::Other(other) => other.pid.is_some(),
        }
    }

    /// The same with another program in its place, such as a wrapper of it.
    pub(crate) fn with_program(&self, path: &Path) -> Self {
        let mut wrapped = self.clone();
        match &mut wrapped {
            Self::Direct | Self::Other(_) => {}
            Self::Weir { program, .. } | Self::PgBouncer { program, .. } => {
                path.clone_into(program);
            }
        }
        wrapped
    }

    /// Whether it can serve named prepared statements in transaction mode: PgBouncer since 1.21.
    pub(crate) fn prepares(&self) -> bool {
        let Self::PgBouncer { version, .. } = self else { return true };
        let mut numbers = version.split('.').map(|part| part.parse().unwrap_or(0));
        (numbers.next(), numbers.next()) >= (Some(1), Some(21))
    }

    /// Starts it before the server.
    pub(crate) fn start(&self, set_up: SetUp<'_>) -> Result<Running> {
        match self {
            Self::Direct => Ok(Running::new(set_up.upstream, None, None)),
            Self::Weir { program, setting } => {
                let toml = set_up.weir_toml(*setting);
                let weir = Weir::configured(program, &toml)?;
                let (port, pid) = (weir.listen().port(), Some(weir.pid()));
                let running = Running::new(port, pid, Some(Process::Weir(weir)));
                Ok(Running { databases: setting.databases(), ..running })
            }
            Self::PgBouncer { program, .. } => {
                let settings = set_up.pgbouncer_settings(self.prepares());
                let settings: Vec<(&str, &str)> =
                    settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let bouncer = PgBouncer::start_program(program, (set_up.upstream, ""), &settings)?;
                let (port, pid) = (bouncer.port(), Some(bouncer.pid()));
                Ok(Running::new(port, pid, Some(Process::PgBouncer(bouncer))))
            }
            Self::Other(Other { port, pid, .. }) => Ok(Running::new(*port, *pid, None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prepared_statements_need_a_new_pgbouncer() {
        let check = |version: &str, expected| {
            let (program, version) = ("pgbouncer".into(), version.to_owned());
            assert_eq!(Contender::PgBouncer { program, version }.prepares(), expected);
        };
        check("1.18.0", false);
        check("1.21.0", true);
        check("1.25.2", true);
        check("2.0", true);
        assert!(Contender::Direct.prepares());
    }

    #[test]
    fn another_proxy_is_named_with_its_port_and_process() {
        let check = |text: &str, expected: Option<(&str, u16, Option<i32>)>| {
            let expected =
                expected.map(|(name, port, pid)| Other { name: name.to_owned(), port, pid });
            assert_eq!(text.parse::<Other>().ok(), expected, "{text}");
        };
        check("odyssey=127.0.0.1:6432", Some(("odyssey", 6432, None)));
        check("odyssey=127.0.0.1:6432,77", Some(("odyssey", 6432, Some(77))));
        check("odyssey=db.example:6432", None);
        check("odyssey=10.0.0.1:6432", None);
        check("=127.0.0.1:6432", None);
        check("127.0.0.1:6432", None);
        check("odyssey=127.0.0.1:6432,all", None);
    }
}
