//! The order service as a process of its own, which ends when we do, however we end.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use weir_testkit::{Account, Kept, Launch, Scratch, Signal};

/// How long it may take to say that it is ready.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a command may take that ends by itself. Seeding takes seconds; a million orders, a
/// minute.
const COMMAND_LIMIT: Duration = Duration::from_secs(1_800);
/// How long it may take to end when asked; then it is killed. Its own limit of a stop is below.
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// Lines of a log that a message shows.
const LOG_LINES: usize = 20;

/// The program and the settings it is run with.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    words: Vec<String>,
    settings: Vec<(String, String)>,
}

/// A process of the program, and where it logs.
struct Process {
    kept: Kept,
    log: PathBuf,
    // Last: the directory with the log goes after the process.
    _home: Scratch,
}

/// A running service. Killed when dropped.
pub struct Service {
    process: Process,
    address: SocketAddr,
}

impl Program {
    /// The program at `path`, without settings. `words` come before every command: for a program
    /// that carries the order service as a command of its own.
    #[must_use]
    pub fn new(path: &Path, words: &[&str]) -> Self {
        let words = words.iter().map(ToString::to_string).collect();
        let settings = vec![("listen".to_owned(), "127.0.0.1:0".to_owned())];
        Self { path: path.to_owned(), words, settings }.set("log-level", "warn")
    }

    /// Adds a setting.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs a command that ends by itself, such as `migrate`; `told` gets each line it prints.
    ///
    /// # Errors
    /// When it fails; the message has the end of its log.
    pub fn run(&self, command: &str, more: &[&str], told: &mut dyn FnMut(&str)) -> Result<()> {
        let mut process = self.process(command, more)?;
        // None of the lines is the one: this reads to the end of them.
        let _ = process.kept.line(COMMAND_LIMIT, |line| {
            told(line);
            None::<()>
        });
        let status = process.kept.wait(PATIENCE).with_context(|| format!("`orders {command}`"))?;
        let log = process.log_end();
        anyhow::ensure!(status.success(), "`orders {command}` failed ({status}):\n{log}");
        Ok(())
    }

    /// Starts the service and waits until it is ready.
    ///
    /// # Errors
    /// When it ends or is not ready in a minute; the message has the end of its log.
    pub fn start(&self) -> Result<Service> {
        let mut process = self.process("serve", &[])?;
        let ready = |line: &str| line.strip_prefix("ready listen=")?.parse().ok();
        let address = process.kept.line(PATIENCE, ready).with_context(|| {
            format!("the order service does not start; its log ends:\n{}", process.log_end())
        })?;
        Ok(Service { process, address })
    }

    fn process(&self, command: &str, more: &[&str]) -> Result<Process> {
        let home = Scratch::new(Account::own())?;
        let log = home.path().join("log");
        let settings = self.settings.iter();
        let settings = settings.flat_map(|(name, value)| [format!("--{name}"), value.clone()]);
        let launch = Launch::new(&self.path, &log).args(&self.words).args([command]);
        let launch = launch.args(settings).args(more).scrap(home.path());
        Ok(Process { kept: launch.start()?, log, _home: home })
    }
}

impl Process {
    fn log_end(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
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
        std::fs::read_to_string(&self.process.log).unwrap_or_default()
    }

    /// Ends it at once, as a crash would (SIGKILL).
    ///
    /// # Errors
    /// When it had ended before; the message has the end of its log.
    pub fn kill(mut self) -> Result<()> {
        self.signal(Signal::KILL)?;
        self.process.kept.wait(STOP_LIMIT).map(drop)
    }

    /// Asks it to end and waits. Returns whether it did so within the limit, with status 0.
    ///
    /// # Errors
    /// When it had ended before; the message has the end of its log.
    pub fn stop(mut self) -> Result<bool> {
        self.signal(Signal::TERM)?;
        match self.process.kept.wait(STOP_LIMIT) {
            Ok(status) => Ok(status.success()),
            Err(_) => self.kill().map(|()| false),
        }
    }

    fn signal(&mut self, signal: Signal) -> Result<()> {
        let sent = self.process.kept.signal(signal);
        sent.with_context(|| {
            format!("the order service; its log ends:\n{}", self.process.log_end())
        })
    }
}
