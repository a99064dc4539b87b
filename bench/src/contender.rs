//! What is measured: no proxy, Weir, PgBouncer, or any other by a command.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use anyhow::{Context, Result};
use weir_testkit::{Account, PgBouncer, Scratch, Weir};

use crate::pgbench::{PASSWORD, USER};

/// A way to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Contender {
    /// No proxy.
    Direct,
    /// Weir, with a driver if there is a choice, and with its ledger or without.
    Weir { program: PathBuf, driver: Option<String>, ledger: bool },
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

/// How a proxy is set up. Between proxy and server there is never TLS: PgBouncer tries it by
/// default, at ten times the instructions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SetUp<'a> {
    /// The port of the server.
    pub(crate) upstream: u16,
    /// Slots of the pool.
    pub(crate) pool: u32,
    /// How clients prove who they are.
    pub(crate) login: Login,
    /// Where the certificate and its key are.
    pub(crate) files: &'a Files,
}

/// How clients log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Login {
    /// Whoever says so.
    Trust,
    /// With SCRAM-SHA-256.
    Scram,
    /// The same over TLS.
    TlsScram,
    /// Whoever says so, over TLS.
    Tls,
}

impl Login {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Trust => "trust",
            Self::Scram => "SCRAM",
            Self::TlsScram => "TLS and SCRAM",
            Self::Tls => "TLS",
        }
    }

    pub(crate) const fn has_password(self) -> bool {
        matches!(self, Self::Scram | Self::TlsScram)
    }

    pub(crate) const fn has_tls(self) -> bool {
        matches!(self, Self::Tls | Self::TlsScram)
    }
}

/// A certificate and users, as files that every account may read: nothing here is secret.
#[derive(Debug)]
pub(crate) struct Files {
    dir: Scratch,
    authority: String,
}

impl Files {
    pub(crate) fn new() -> Result<Self> {
        let dir = Scratch::new(Account::own())?;
        let weir_testkit::Certificates { authority, server: pem, .. } =
            weir_testkit::Certificates::new(USER)?;
        let users = format!("\"{USER}\" \"{PASSWORD}\"\n");
        for (name, text) in [("cert", &pem.certificate), ("key", &pem.key), ("users", &users)] {
            fs::write(dir.path().join(name), text).with_context(|| format!("writing {name}"))?;
        }
        Ok(Self { dir, authority })
    }

    /// Who vouches for the certificate, PEM.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }
}

/// A running proxy, or none.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) port: u16,
    /// The proxy's process.
    pub(crate) pid: Option<i32>,
    process: Option<Process>,
}

#[derive(Debug)]
enum Process {
    Weir(Weir),
    PgBouncer(PgBouncer),
}

impl Running {
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
    /// Weir with each of its drivers, or as it is where there is no choice.
    pub(crate) fn weirs(program: &Path) -> Result<Vec<Self>> {
        let mut help = Command::new(program);
        let help = weir_testkit::output(help.args(["up", "--help"]))?;
        let drivers = if help.contains("--driver") { vec!["epoll", "uring"] } else { vec![] };
        let one = |driver| Self::Weir { program: program.to_owned(), driver, ledger: true };
        if drivers.is_empty() {
            return Ok(vec![one(None)]);
        }
        Ok(drivers.into_iter().map(|driver| one(Some(driver.to_owned()))).collect())
    }

    /// The same Weir without its ledger.
    pub(crate) fn without_ledger(&self) -> Option<Self> {
        match self {
            Self::Weir { program, driver, ledger: true } => {
                let (program, driver) = (program.clone(), driver.clone());
                Some(Self::Weir { program, driver, ledger: false })
            }
            Self::Weir { .. } | Self::Direct | Self::PgBouncer { .. } | Self::Other(_) => None,
        }
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
            Self::Weir { driver, ledger, .. } => {
                let driver = driver.as_ref().map_or(String::new(), |driver| format!(" {driver}"));
                format!("weir{driver}{}", if *ledger { "" } else { " without ledger" })
            }
            Self::PgBouncer { version, .. } => format!("pgbouncer {version}"),
            Self::Other(other) => other.name.clone(),
        }
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
            Self::Direct => Ok(Running { port: set_up.upstream, pid: None, process: None }),
            Self::Weir { program, driver, ledger } => {
                let toml = weir_toml(set_up, driver.as_deref(), *ledger);
                let weir = Weir::configured(program, &toml)?;
                let (port, pid) = (weir.listen().port(), Some(weir.pid()));
                Ok(Running { port, pid, process: Some(Process::Weir(weir)) })
            }
            Self::PgBouncer { program, .. } => {
                let settings = pgbouncer_settings(set_up, self.prepares());
                let settings: Vec<(&str, &str)> =
                    settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let bouncer = PgBouncer::start_program(program, (set_up.upstream, ""), &settings)?;
                let (port, pid) = (bouncer.port(), Some(bouncer.pid()));
                Ok(Running { port, pid, process: Some(Process::PgBouncer(bouncer)) })
            }
            Self::Other(Other { port, pid, .. }) => {
                Ok(Running { port: *port, pid: *pid, process: None })
            }
        }
    }
}

fn weir_toml(set_up: SetUp<'_>, driver: Option<&str>, ledger: bool) -> String {
    let SetUp { upstream, pool, login, files } = set_up;
    let driver = driver.map_or(String::new(), |name| format!("[workers]\ndriver = \"{name}\"\n"));
    let method = if login.has_password() { "scram" } else { "trust" };
    let tls = if login.has_tls() { "prefer" } else { "disable" };
    let (cert, key) = (files.path("cert"), files.path("key"));
    let ledger = if ledger { "" } else { "[ledger]\nenabled = false\n" };
    format!(
        "[listen]\naddresses = [\"127.0.0.1:0\"]\n[http]\naddress = \"127.0.0.1:0\"\n\
         {driver}{ledger}\
         [auth]\nmethod = \"{method}\"\n[users.{USER}]\npassword = \"{PASSWORD}\"\n\
         [tls.client]\nmode = \"{tls}\"\ncert = \"{cert}\"\nkey = \"{key}\"\n\
         [tls.server]\nmode = \"disable\"\n[pool]\nmode = \"transaction\"\nsize = {pool}\n\
         [databases.\"*\"]\nhost = \"127.0.0.1\"\nport = {upstream}\n"
    )
}

fn pgbouncer_settings(set_up: SetUp<'_>, prepares: bool) -> Vec<(&'static str, String)> {
    let SetUp { upstream: _, pool, login, files } = set_up;
    let mut settings = vec![
        ("default_pool_size", pool.to_string()),
        ("min_pool_size", "0".to_owned()),
        ("server_round_robin", "0".to_owned()),
        ("max_client_conn", "12000".to_owned()),
        ("listen_backlog", "1024".to_owned()),
        ("server_tls_sslmode", "disable".to_owned()),
    ];
    if prepares {
        settings.push(("max_prepared_statements", "200".to_owned()));
    }
    if login.has_password() {
        settings.push(("auth_type", "scram-sha-256".to_owned()));
        settings.push(("auth_file", files.path("users")));
    }
    if login.has_tls() {
        settings.push(("client_tls_sslmode", "allow".to_owned()));
        settings.push(("client_tls_cert_file", files.path("cert")));
        settings.push(("client_tls_key_file", files.path("key")));
    }
    settings
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
