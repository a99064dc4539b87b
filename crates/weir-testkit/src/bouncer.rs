//! PgBouncer as a child process, to compare with.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::account::Account;
use crate::cluster::SUPERUSER;
use crate::dirs::Scratch;
use crate::keeper::{Kept, Launch, Parting};
use crate::run::tail;
use crate::server::{PgServer, free_port};
use crate::session::{PasswordAsked, Session, SqlError};
use crate::wait::until;

const PATIENCE: Duration = Duration::from_secs(60);

/// Times a start is tried again because another process took the port first.
const PORT_TRIES: u32 = 5;

/// Transaction pooling that hands out four server connections in turn, so that state left on one
/// meets another client.
const SETTINGS: [(&str, &str); 8] = [
    ("pool_mode", "transaction"),
    ("default_pool_size", "4"),
    ("min_pool_size", "4"),
    ("server_round_robin", "1"),
    ("max_client_conn", "500"),
    ("ignore_startup_parameters", "extra_float_digits,options"),
    ("auth_type", "trust"),
    ("unix_socket_dir", ""),
];

/// A running PgBouncer before a private server.
#[derive(Debug)]
pub struct PgBouncer {
    port: u16,
    kept: Kept,
    _home: Scratch,
}

impl PgBouncer {
    /// Whether the program is there.
    #[must_use]
    pub fn is_installed() -> bool {
        program().is_ok()
    }

    /// Starts it before `server`, with `settings` over the defaults above. Clients need no
    /// password.
    ///
    /// # Errors
    /// When it is not installed or does not start; the message has the end of its log.
    pub fn start(server: &PgServer, settings: &[(&str, &str)]) -> Result<Self> {
        let upstream = (server.port(), server.password().unwrap_or_default());
        Self::start_program(&program()?, upstream, settings)
    }

    /// The same with another PgBouncer than the one that is installed, before whatever listens on
    /// the `upstream` port of 127.0.0.1 and asks for that password or none.
    ///
    /// # Errors
    /// As [`PgBouncer::start`].
    pub fn start_program(
        program: &Path,
        upstream: (u16, &str),
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        for _ in 0..PORT_TRIES {
            match Self::start_on(free_port()?, program, upstream, settings)? {
                Some(started) => return Ok(started),
                None => continue,
            }
        }
        bail!("{PORT_TRIES} free ports in a row were taken by others before PgBouncer had them")
    }

    /// `None` when another process has taken the port.
    fn start_on(
        port: u16,
        program: &Path,
        (upstream, password): (u16, &str),
        settings: &[(&str, &str)],
    ) -> Result<Option<Self>> {
        let account = Account::unprivileged()?;
        let home = Scratch::new(account)?;
        let file = |name: &str, text: &str| {
            let path = home.path().join(name);
            fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
            account.give(&path).map(|()| path)
        };
        let users = file("users", &format!("\"{SUPERUSER}\" \"{password}\"\n"))?;
        let config = file("ini", &configuration(port, upstream, &users, settings))?;
        let log = file("log", "")?;
        let launch = Launch::new(program, &log).args([&config]).account(account);
        let mut kept = launch.parting(Parting::Terminate).scrap(home.path()).start()?;
        let said = || fs::read_to_string(&log).unwrap_or_default();
        let ready = until("PgBouncer", PATIENCE, || {
            if kept.ended()?.is_some() {
                bail!("PgBouncer ended at start");
            }
            match Session::tcp(port, SUPERUSER, "pgbouncer") {
                Ok(_) => Ok(Some(())),
                Err(err) if err.is::<PasswordAsked>() => Ok(Some(())),
                Err(err) if err.is::<SqlError>() => Err(err),
                Err(_) => Ok(None),
            }
        });
        match ready {
            Ok(()) => Ok(Some(Self { port, kept, _home: home })),
            Err(_) if said().contains("Address already in use") => Ok(None),
            Err(err) => Err(err.context(format!("PgBouncer's log ends:\n{}", tail(&said())))),
        }
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.kept.pid()
    }
}

/// On the search path, or where Debian puts it, which is not on every user's path.
fn program() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut dirs = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = dirs.find_map(|dir| Some(dir.join("pgbouncer")).filter(|path| path.is_file()));
    found.context("PgBouncer is not installed (Debian: apt-get install pgbouncer)")
}

fn configuration(port: u16, server: u16, users: &Path, settings: &[(&str, &str)]) -> String {
    let lines = SETTINGS.iter().chain(settings).map(|(name, value)| format!("{name} = {value}\n"));
    format!(
        "[databases]\n* = host=127.0.0.1 port={server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
         listen_port = {port}\nauth_file = {}\nadmin_users = {SUPERUSER}\n{}",
        users.display(),
        lines.collect::<String>()
    )
}
