//! Child processes that cannot outlive us: a shell between us and the program holds one end of a
//! pipe and ends the program when the other end closes, be it by drop, Ctrl-C, crash or kill -9.
//! (A parent-death signal would fire when the *thread* that started the program ends, and needs
//! `unsafe`.)

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::account::Account;
use crate::wait::until;

const SCRIPT: &str = include_str!("keeper.sh");

/// How long a program may take to end after its parting signal before it is killed.
const PARTING_MAX: Duration = Duration::from_secs(10);

/// The signal a program gets when its owner is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parting {
    /// SIGTERM.
    Terminate,
    /// SIGQUIT: PostgreSQL's immediate shutdown.
    Quit,
    /// SIGKILL.
    Kill,
}

impl Parting {
    const fn name(self) -> &'static str {
        match self {
            Self::Terminate => "TERM",
            Self::Quit => "QUIT",
            Self::Kill => "KILL",
        }
    }
}

/// A program to start.
#[derive(Debug)]
pub struct Launch {
    argv: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    account: Account,
    log: PathBuf,
    parting: Parting,
    scrap: Option<PathBuf>,
}

impl Launch {
    /// `program`, its standard error appended to the file `log`.
    pub fn new(program: impl AsRef<OsStr>, log: &Path) -> Self {
        Self {
            argv: vec![program.as_ref().to_owned()],
            environment: Vec::new(),
            account: Account::own(),
            log: log.to_owned(),
            parting: Parting::Kill,
            scrap: None,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.argv.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// Runs it as `account` instead of ours.
    #[must_use]
    pub fn account(mut self, account: Account) -> Self {
        self.account = account;
        self
    }

    /// What it gets when we are gone, instead of SIGKILL.
    #[must_use]
    pub fn parting(mut self, parting: Parting) -> Self {
        self.parting = parting;
        self
    }

    /// A directory to remove once we are gone and it has ended.
    #[must_use]
    pub fn scrap(mut self, dir: &Path) -> Self {
        self.scrap = Some(dir.to_owned());
        self
    }

    /// Starts the program.
    ///
    /// # Errors
    /// When the log cannot be opened or no shell can be started. A program that cannot be executed
    /// shows as one that ended with status 126 or 127.
    pub fn start(self) -> Result<Kept> {
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("opening {}", self.log.display()))?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SCRIPT, "keeper", self.parting.name()])
            .arg(self.scrap.unwrap_or_default())
            .args(&self.argv)
            .envs(self.environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0);
        self.account.apply(&mut command);
        let mut keeper = command.spawn().context("starting /bin/sh")?;
        let owner = keeper.stdin.take();
        let mut output = BufReader::new(keeper.stdout.take().context("no standard output")?);
        let mut first = String::new();
        output.read_line(&mut first).context("reading the process id")?;
        let pid = first.trim().parse().ok().and_then(Pid::from_raw);
        let pid = pid.with_context(|| format!("the keeper said {first:?}, not a process id"))?;
        Ok(Kept { keeper, owner, pid, lines: Mutex::new(lines_of(output)), ended: None })
    }
}

/// Passes on the lines of `output` as they come, so that waiting for one can have a limit.
fn lines_of(output: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(std::io::Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    receive
}

/// A running program; dropping it ends the program and waits for its end.
#[derive(Debug)]
pub struct Kept {
    keeper: Child,
    /// Open as long as we want the program to live.
    owner: Option<ChildStdin>,
    pid: Pid,
    /// In a mutex only so that a server can be shared between threads.
    lines: Mutex<Receiver<String>>,
    ended: Option<ExitStatus>,
}

impl Kept {
    /// The program's process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// The program's exit status once it has ended; death by signal n reads 128 + n.
    ///
    /// # Errors
    /// When the system cannot tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = self.keeper.try_wait().context("asking for the exit status")?;
        }
        Ok(self.ended)
    }

    /// Sends `signal` to the program.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if let Some(status) = self.ended()? {
            bail!("process {} has ended already ({status})", self.pid());
        }
        kill_process(self.pid, signal).with_context(|| format!("signalling {}", self.pid()))
    }

    /// Waits for the program to end by itself.
    ///
    /// # Errors
    /// When it has not within `limit`.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let what = format!("process {} to end", self.pid());
        until(&what, limit, || self.ended())
    }

    /// The next line on the program's standard output for which `wanted` answers with a value.
    ///
    /// # Errors
    /// When there is none within `limit` or before the program closes its output.
    pub fn line<T>(
        &mut self,
        limit: Duration,
        mut wanted: impl FnMut(&str) -> Option<T>,
    ) -> Result<T> {
        let deadline = Instant::now() + limit;
        let lines = self.lines.get_mut().unwrap_or_else(PoisonError::into_inner);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match lines.recv_timeout(left) {
                Ok(line) => {
                    if let Some(found) = wanted(&line) {
                        return Ok(found);
                    }
                }
                Err(RecvTimeoutError::Timeout) => bail!("no such line within {limit:?}"),
                Err(RecvTimeoutError::Disconnected) => bail!("it ended before saying so"),
            }
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(self.owner.take());
        if self.wait(PARTING_MAX).is_err() {
            // Stopped or stuck: only a kill is sure to reach it.
            let _ = kill_process(self.pid, Signal::KILL);
            let _ = self.wait(PARTING_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dirs::Scratch;

    const SOON: Duration = Duration::from_secs(60);

    fn alive(pid: i32) -> bool {
        rustix::process::test_kill_process(Pid::from_raw(pid).unwrap()).is_ok()
    }

    #[test]
    fn passes_on_lines_and_the_exit_status() {
        let scratch = Scratch::new(Account::own()).unwrap();
        let script = "echo one; echo two; exit 7";
        let launch = Launch::new("sh", &scratch.path().join("log")).args(["-c", script]);
        let mut kept = launch.start().unwrap();
        let line = kept.line(SOON, |line| line.strip_prefix("tw").map(str::to_owned));
        assert_eq!(line.unwrap(), "o");
        assert_eq!(kept.wait(SOON).unwrap().code(), Some(7));
    }

    #[test]
    fn drop_ends_the_program_and_removes_its_directory() {
        let scratch = Scratch::new(Account::own()).unwrap();
        let scrap = scratch.private_dir("scrap", Account::own()).unwrap();
        let log = scratch.path().join("log");
        let kept = Launch::new("sleep", &log).args(["600"]).scrap(&scrap).start().unwrap();
        let pid = kept.pid();
        assert!(alive(pid));
        drop(kept);
        assert!(!alive(pid));
        assert!(!scrap.exists());
    }
}
