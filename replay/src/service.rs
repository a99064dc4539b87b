//! The order service as a process of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use weir_testkit::{Account, Kept, Launch, Scratch, Signal};

/// How long it may take to say that it is ready.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it may take to end when asked; then it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// The program and the settings it is run with.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    settings: Vec<(String, String)>,
}

/// A running service. Killed when dropped.
pub struct Service {
    kept: Kept,
    address: SocketAddr,
    log: PathBuf,
    // Last: the directory with the log goes after the process.
    _home: Scratch,
}

impl Program {
    /// The program at `path`, without settings.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        let settings = vec![("listen".to_owned(), "127.0.0.1:0".to_owned())];
        Self { path: path.to_owned(), settings }.set("log-level", "warn")
    }

    /// The program beside the running one, as a build leaves it.
    ///
    /// # Errors
    /// When it is not there; says how to build it.
    pub fn beside_us() -> Result<Self> {
        let us = std::env::current_exe().context("asking where this program is")?;
        let places = us.ancestors().skip(1).take(2).map(|dir| dir.join("orders"));
        let found = places.into_iter().find(|path| path.is_file());
        let path = found.context(
            "there is no program `orders` beside this one; build it with the same profile \
             (`cargo build -p orders`, with --release for figures) or name it with --orders",
        )?;
        Ok(Self::new(&path))
    }

    /// Adds a setting.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs a command that ends by itself, such as `migrate`.
    ///
    /// # Errors
    /// When it fails; the message has the end of what it printed.
    pub fn run(&self, command: &str, more: &[&str]) -> Result<()> {
        let mut run = Command::new(&self.path);
        run.arg(command).args(self.arguments()).args(more);
        let output = run.output().with_context(|| format!("starting {}", self.path.display()))?;
        let said = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "`orders {command}` failed: {said}");
        Ok(())
    }

    /// Starts the service and waits until it is ready.
    ///
    /// # Errors
    /// When it ends or is not ready in a minute; the message has the end of its log.
    pub fn start(&self) -> Result<Service> {
        let home = Scratch::new(Account::own())?;
        let log = home.path().join("log");
        let launch = Launch::new(&self.path, &log).args(["serve"]).args(self.arguments());
        let mut kept = launch.scrap(home.path()).start()?;
        let ready = |line: &str| line.strip_prefix("ready listen=")?.parse().ok();
        let address = kept.line(PATIENCE, ready).with_context(|| {
            let log = std::fs::read_to_string(&log).unwrap_or_default();
            format!("the order service is not ready; its log:\n{log}")
        })?;
        Ok(Service { kept, address, log, _home: home })
    }

    fn arguments(&self) -> impl Iterator<Item = String> {
        self.settings.iter().flat_map(|(name, value)| [format!("--{name}"), value.clone()])
    }
}

impl Service {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it at once, as a crash would (SIGKILL).
    ///
    /// # Errors
    /// When it had ended before.
    pub fn kill(mut self) -> Result<()> {
        self.kept.signal(Signal::KILL)?;
        self.kept.wait(STOP_LIMIT).map(drop)
    }

    /// Asks it to end and waits. Returns whether it did so within the limit, with status 0.
    ///
    /// # Errors
    /// When it had ended before.
    pub fn stop(mut self) -> Result<bool> {
        self.kept.signal(Signal::TERM)?;
        match self.kept.wait(STOP_LIMIT) {
            Ok(status) => Ok(status.success()),
            Err(_) => self.kill().map(|()| false),
        }
    }
}
