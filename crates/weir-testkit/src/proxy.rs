//! Weir as a child process: started until it says it is ready, stopped and held to its exit status,
//! its log shown when a test fails.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::account::Account;
use crate::dirs::Scratch;
use crate::keeper::{Kept, Launch};
use crate::run::tail;
use crate::session::Session;

/// How long the proxy may take to say that it is ready, and to stop when asked.
const PATIENCE: Duration = Duration::from_secs(60);

/// The environment variable that names the event loop of every proxy that is started, as the flag
/// `--driver` takes it. Without it they run as they would for a user.
const DRIVER_VARIABLE: &str = "WEIR_TEST_DRIVER";

/// A running proxy. Dropping it kills it; [`Weir::stop`] asks it to end and checks that it can.
#[derive(Debug)]
pub struct Weir {
    kept: Kept,
    ready: Ready,
    /// Declared last: the directory with the log goes after the process.
    home: Scratch,
}

/// The addresses in the line that begins with `ready`: the first on TCP where there are several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ready {
    listen: SocketAddr,
    http: Option<SocketAddr>,
}

impl Ready {
    /// Reads `ready listen=127.0.0.1:34567 http=127.0.0.1:8432`; other words are left to others.
    fn parse(line: &str) -> Option<Self> {
        let words = line.strip_prefix("ready ")?;
        let address = |name: &str| {
            words.split_whitespace().find_map(|word| {
                let all = word.strip_prefix(name)?.strip_prefix('=')?;
                all.split(',').find_map(|one| one.parse::<SocketAddr>().ok())
            })
        };
        Some(Self { listen: address("listen")?, http: address("http") })
    }
}

impl Weir {
    /// Starts `program up --upstream URL` with ports of its own and a state directory, and other
    /// `flags` after those. Waits until it is ready.
    ///
    /// # Errors
    /// When it ends or is not ready in a minute; the message has the end of its log.
    pub fn up(program: &Path, upstream: &str, flags: &[&str]) -> Result<Self> {
        Self::launch(program, |home| {
            let mut args = words(&["--upstream", upstream, "--listen", "127.0.0.1:0"]);
            args.extend(words(&["--http", "127.0.0.1:0", "--state-dir"]));
            args.push(home.join("state").display().to_string());
            args.extend(words(flags));
            Ok(args)
        })
    }

    /// Starts `program up FILE` with a file of this text. Waits until it is ready.
    ///
    /// # Errors
    /// As [`Weir::up`].
    pub fn configured(program: &Path, toml: &str) -> Result<Self> {
        Self::launch(program, |home| {
            let file = home.join("weir.toml");
            fs::write(&file, toml).with_context(|| format!("writing {}", file.display()))?;
            Ok(vec![file.display().to_string()])
        })
    }

    fn launch(
        program: &Path,
        arguments: impl FnOnce(&Path) -> Result<Vec<String>>,
    ) -> Result<Self> {
        let home = Scratch::new(Account::own())?;
        let arguments = arguments(home.path())?;
        let log = home.path().join("log");
        let driver = env::var(DRIVER_VARIABLE).map(|name| vec!["--driver".to_owned(), name]);
        let launch = Launch::new(program, &log)
            .args(["up"])
            .args(driver.unwrap_or_default())
            .args(&arguments)
            .scrap(home.path());
        let mut kept = launch.start()?;
        let ready = kept.line(PATIENCE, Ready::parse).with_context(|| {
            let log = fs::read_to_string(&log).unwrap_or_default();
            format!("`weir up {}` is not ready; its log ends:\n{}", arguments.join(" "), tail(&log))
        })?;
        Ok(Self { kept, ready, home })
    }

    /// Where it takes PostgreSQL clients.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        self.ready.listen
    }

    /// Where it serves HTTP, if it does.
    #[must_use]
    pub fn http(&self) -> Option<SocketAddr> {
        self.ready.http
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.kept.pid()
    }

    /// The configuration file that [`Weir::configured`] wrote, for reload tests.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.home.path().join("weir.toml")
    }

    /// All that it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    /// A session through it, where it asks for no password.
    ///
    /// # Errors
    /// As [`Session::tcp`].
    pub fn session(&self, user: &str, database: &str) -> Result<Session> {
        Session::tcp(self.ready.listen.port(), user, database)
    }

    /// Sends it a signal, such as SIGHUP to reload.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        self.kept.signal(signal)
    }

    /// Waits for it to end by itself, at most a minute.
    ///
    /// # Errors
    /// When it does not.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        self.kept.wait(PATIENCE)
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// When it has ended before, does not end in a minute, or not with status 0.
    pub fn stop(mut self) -> Result<()> {
        self.signal(Signal::TERM)?;
        let status = self.wait()?;
        if !status.success() {
            bail!("weir ended with {status}; its log ends:\n{}", tail(&self.log()));
        }
        Ok(())
    }
}

impl Drop for Weir {
    #[expect(clippy::print_stderr, reason = "the log of a failed test belongs in its output")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the proxy's log ends:\n{}\n---", tail(&self.log()));
        }
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<(&str, Option<&str>)>) {
        let expected = expected.map(|(listen, http)| Ready {
            listen: listen.parse().unwrap(),
            http: http.map(|address| address.parse().unwrap()),
        });
        assert_eq!(Ready::parse(line), expected, "{line}");
    }

    #[test]
    fn reads_the_ready_line() {
        let both = Some(("127.0.0.1:34567", Some("127.0.0.1:8432")));
        check("ready listen=127.0.0.1:34567 http=127.0.0.1:8432", both);
        check("ready http=127.0.0.1:8432 more=1 listen=127.0.0.1:34567", both);
        check("ready listen=unix:/run:7,127.0.0.1:1", Some(("127.0.0.1:1", None)));
        check("ready listen=127.0.0.1:1", Some(("127.0.0.1:1", None)));
        check("ready", None);
        check("already listen=127.0.0.1:1", None);
    }

    /// A stand-in for the proxy, so that the harness is tested without it.
    fn stand_in(script: &str) -> (Scratch, PathBuf) {
        use std::os::unix::fs::PermissionsExt;
        let dir = Scratch::new(Account::own()).unwrap();
        let program = dir.path().join("weir");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        (dir, program)
    }

    const SERVE: &str = "echo ready listen=127.0.0.1:5; while :; do sleep 0.01; done";

    #[test]
    fn a_graceful_stop_is_held_to_status_zero() {
        let (_dir, good) = stand_in(&format!("trap 'exit 0' TERM; {SERVE}"));
        Weir::up(&good, "postgres://u@h/d", &[]).unwrap().stop().unwrap();
        let (_dir, bad) = stand_in(&format!("trap 'echo gave up >&2; exit 3' TERM; {SERVE}"));
        let err = Weir::up(&bad, "postgres://u@h/d", &[]).unwrap().stop().unwrap_err();
        assert!(err.to_string().contains("gave up"), "{err}");
    }

    #[test]
    fn one_that_never_gets_ready_says_why() {
        let (_dir, program) = stand_in("echo cannot bind \"$2\" >&2; exit 1");
        let err = Weir::configured(&program, "").unwrap_err();
        assert!(format!("{err:#}").contains("cannot bind"), "{err:#}");
    }
}
