//! A private PostgreSQL server on the loopback address, gone with everything it wrote when dropped.

mod options;
mod process;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{fs, process as this};

use anyhow::{Context, Result, bail};

pub use options::{Auth, Options};
pub use process::Stop;

use crate::account::Account;
use crate::cluster::{self, SUPERUSER};
use crate::dirs::Scratch;
use crate::find::{Installation, Version, Want};
use crate::keeper::{Kept, Launch, Parting};
use crate::run::tail;
use crate::session::{Session, SqlError};
use crate::wait::until;

/// How long a server may take to accept connections, and to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// Times a start is tried again because another process took the port first.
const PORT_TRIES: u32 = 5;

/// A running (or stopped) private server.
#[derive(Debug)]
pub struct PgServer {
    installation: Installation,
    account: Account,
    options: Options,
    port: u16,
    /// `None` while stopped.
    running: Option<Kept>,
    /// Declared last: the directory goes after the server.
    home: Scratch,
}

impl PgServer {
    /// Starts a server and waits until it accepts connections.
    ///
    /// # Errors
    /// When no PostgreSQL fits or can be fetched, or the server does not start; the message has the
    /// end of its log.
    pub fn start(options: Options) -> Result<Self> {
        let installation = Installation::find(options.want())?;
        let account = Account::unprivileged()?;
        let home = Scratch::new(account)?;
        home.private_dir("socket", account)?;
        cluster::create(&installation, account, &home.path().join("data"))?;
        let mut server = Self { installation, account, options, port: 0, running: None, home };
        server.configure()?;
        server.start_on_a_port()?;
        if let Some(password) = server.password() {
            let sql = format!("ALTER ROLE {SUPERUSER} PASSWORD '{password}'");
            server.execute("postgres", &sql)?;
        }
        Ok(server)
    }

    /// The server that all tests of this process share for `want`: started by the first that asks,
    /// ended with the process. Use [`PgServer::fresh_database`] on it.
    ///
    /// # Errors
    /// As [`PgServer::start`].
    pub fn shared(want: Want) -> Result<&'static Self> {
        static SERVERS: Mutex<Vec<(Want, &'static PgServer)>> = Mutex::new(Vec::new());
        let mut servers = SERVERS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, server)) = servers.iter().find(|(of, _)| *of == want) {
            return Ok(server);
        }
        let server = Box::leak(Box::new(Self::start(Options::new(want))?));
        servers.push((want, server));
        Ok(server)
    }

    /// The version that runs.
    #[must_use]
    pub fn version(&self) -> Version {
        self.installation.version
    }

    /// The installation that it was started from, for `psql`, `pgbench` and the like.
    #[must_use]
    pub fn installation(&self) -> &Installation {
        &self.installation
    }

    /// The port on 127.0.0.1; it stays over restarts.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory of the unix socket.
    #[must_use]
    pub fn socket_dir(&self) -> PathBuf {
        self.home.path().join("socket")
    }

    /// The data directory.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// A connection string for the superuser over TCP, with the password where one is asked for.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let password = self.password().map_or(String::new(), |word| format!(":{word}"));
        format!("postgres://{SUPERUSER}{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// The superuser's password; `None` where none is asked for.
    #[must_use]
    pub fn password(&self) -> Option<&'static str> {
        self.options.password()
    }

    /// All that the server has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// A superuser's session over the unix socket, which never asks for a password.
    ///
    /// # Errors
    /// When the server is not there or refuses.
    pub fn session(&self, database: &str) -> Result<Session> {
        Session::unix(&self.socket_dir(), self.port, SUPERUSER, database)
    }

    /// Runs `sql` as the superuser in `database`, in a session of its own.
    ///
    /// # Errors
    /// As [`Session::query`].
    pub fn execute(&self, database: &str, sql: &str) -> Result<()> {
        self.session(database)?.query(sql).map(drop)
    }

    /// Makes an empty database with a name of its own and returns the name.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn fresh_database(&self) -> Result<String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}_{}", this::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        self.execute("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(name)
    }

    fn log_path(&self) -> PathBuf {
        self.home.path().join("log")
    }

    fn configure(&self) -> Result<()> {
        let data = self.data_dir();
        let files = self.options.files(&self.socket_dir(), &data)?;
        for (name, text) in files {
            cluster::write(&data, &name, &text)?;
        }
        self.prepare_log()
    }

    /// The log belongs to the server's account, so that its keeper may remove the directory.
    fn prepare_log(&self) -> Result<()> {
        fs::write(self.log_path(), "").context("making the log")?;
        self.account.give(&self.log_path())
    }

    fn start_on_a_port(&mut self) -> Result<()> {
        if let Some(port) = self.options.fixed_port() {
            self.port = port;
            return self.start_again();
        }
        for _ in 0..PORT_TRIES {
            self.port = free_port()?;
            match self.start_again() {
                Ok(()) => return Ok(()),
                Err(_) if self.log().contains("Address already in use") => self.prepare_log()?,
                Err(err) => return Err(err),
            }
        }
        bail!("{PORT_TRIES} free ports in a row were taken by others before the server had them")
    }

    /// Starts a stopped server on the port that it had, and waits until it accepts connections.
    ///
    /// # Errors
    /// When it runs, or does not start; the message has the end of its log.
    pub fn start_again(&mut self) -> Result<()> {
        if self.running.is_some() {
            bail!("the server on port {} runs already", self.port);
        }
        let launch = Launch::new(self.installation.program("postgres"), &self.log_path())
            .args([Path::new("-D"), &self.data_dir()])
            .args(["-p", &self.port.to_string()])
            .account(self.account)
            .parting(Parting::Quit)
            .scrap(self.home.path());
        let mut running = launch.start()?;
        let what = format!("PostgreSQL {} on port {}", self.version(), self.port);
        until(&what, PATIENCE, || self.ready(&mut running))
            .with_context(|| format!("the server's log ends:\n{}", tail(&self.log())))?;
        self.running = Some(running);
        Ok(())
    }

    /// Whether the server accepts connections; fails when it never will.
    fn ready(&self, running: &mut Kept) -> Result<Option<()>> {
        if let Some(status) = running.ended()? {
            bail!("PostgreSQL {} ended at start ({status})", self.version());
        }
        match self.session("postgres") {
            Ok(_) => Ok(Some(())),
            Err(err) => match err.downcast_ref::<SqlError>() {
                Some(said) if said.code != "57P03" => Err(err),
                Some(_) | None => Ok(None), // Starting up, or nobody listens yet.
            },
        }
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("asking for a port")?;
    Ok(listener.local_addr().context("asking for a port")?.port())
}
