//! Rough handling of a server's processes: stop, crash, freeze, kill one backend.

use std::fs;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::{PATIENCE, PgServer};
use crate::wait::until;

/// How to stop a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Sessions are ended with a message, data is written: SIGINT.
    Fast,
    /// Sessions are ended with a message, recovery runs at the next start: SIGQUIT.
    Immediate,
    /// All processes are killed at once, as when the machine fails.
    Crash,
}

impl PgServer {
    /// Stops the server and waits for its end. Its data stay for [`PgServer::start_again`].
    ///
    /// # Errors
    /// When it does not run, or does not end in a minute.
    pub fn stop(&mut self, how: Stop) -> Result<()> {
        let children = if how == Stop::Crash {
            // A frozen server makes no backend that would outlive it unseen.
            self.suspend()?;
            self.children()?
        } else {
            Vec::new()
        };
        let running = self.running.as_mut().context("the server does not run")?;
        running.signal(match how {
            Stop::Fast => Signal::INT,
            Stop::Immediate => Signal::QUIT,
            Stop::Crash => Signal::KILL,
        })?;
        for child in &children {
            // One that has ended by itself is as good as killed.
            let _ = kill_process(*child, Signal::KILL);
        }
        running.wait(PATIENCE)?;
        self.running = None;
        until("the backends to end", PATIENCE, || Ok(children.iter().all(gone).then_some(())))
    }

    /// Stops the server and starts it again on the same port.
    ///
    /// # Errors
    /// As [`PgServer::stop`] and [`PgServer::start_again`].
    pub fn restart(&mut self, how: Stop) -> Result<()> {
        self.stop(how)?;
        self.start_again()
    }

    /// Ends the backend `pid` with a message to its client, as an administrator would.
    ///
    /// # Errors
    /// When the server has no such backend.
    pub fn terminate_backend(&self, pid: i32) -> Result<()> {
        let sql = format!("SELECT pg_terminate_backend({pid}, 60000)");
        match self.session("postgres")?.value(&sql)?.as_str() {
            "t" => Ok(()),
            _ => bail!("there is no backend {pid}"),
        }
    }

    /// Kills the backend `pid` as a crash would: the server ends all sessions and recovers.
    ///
    /// # Errors
    /// When there is no such process of this server.
    pub fn kill_backend(&self, pid: i32) -> Result<()> {
        self.signal_backend(pid, Signal::KILL)
    }

    /// Freezes the backend `pid`: its socket stays open, and it does nothing any more, neither what
    /// it is asked nor what it is told by signals.
    ///
    /// # Errors
    /// When there is no such process of this server, or it does not freeze in a minute.
    pub fn suspend_backend(&self, pid: i32) -> Result<()> {
        self.signal_backend(pid, Signal::STOP)?;
        let child = Pid::from_raw(pid).context("no process")?;
        until("the backend to freeze", PATIENCE, || Ok(frozen(&child).then_some(())))
    }

    /// Lets a frozen backend go on.
    ///
    /// # Errors
    /// When there is no such process of this server.
    pub fn resume_backend(&self, pid: i32) -> Result<()> {
        self.signal_backend(pid, Signal::CONT)
    }

    fn signal_backend(&self, pid: i32, signal: Signal) -> Result<()> {
        let child = self.children()?.into_iter().find(|child| raw(*child) == pid);
        let child = child.with_context(|| format!("the server has no process {pid}"))?;
        kill_process(child, signal).with_context(|| format!("sending {pid} a signal"))
    }

    /// Freezes the server and all its backends: sockets stay open, nothing is answered.
    ///
    /// # Errors
    /// When it does not run, or does not freeze in a minute.
    pub fn suspend(&mut self) -> Result<()> {
        until("the server to freeze", PATIENCE, || {
            // Again for children that were made before the postmaster had stopped.
            self.signal_all(Signal::STOP)?;
            Ok(self.children()?.iter().all(frozen).then_some(()))
        })
    }

    /// Lets a frozen server go on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn resume(&mut self) -> Result<()> {
        self.signal_all(Signal::CONT)
    }

    fn signal_all(&mut self, signal: Signal) -> Result<()> {
        // The postmaster first: a frozen one makes no new backends that we would miss.
        self.running.as_mut().context("the server does not run")?.signal(signal)?;
        for child in self.children()? {
            let _ = kill_process(child, signal); // It may have ended since.
        }
        Ok(())
    }

    /// The postmaster's child processes.
    fn children(&self) -> Result<Vec<Pid>> {
        let postmaster = self.running.as_ref().context("the server does not run")?.pid();
        let processes = fs::read_dir("/proc").context("listing processes in /proc")?;
        Ok(processes
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|pid| state_of(*pid).is_some_and(|(_, parent)| parent == postmaster))
            .filter_map(Pid::from_raw)
            .collect())
    }
}

/// The state and the parent of a process: the fields after its parenthesised name in
/// `/proc/PID/stat`.
fn state_of(pid: i32) -> Option<(char, i32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// Stopped, or ended and not yet noticed by its parent, which is stopped.
fn frozen(pid: &Pid) -> bool {
    state_of(raw(*pid)).is_none_or(|(state, _)| matches!(state, 'T' | 'Z'))
}

fn gone(pid: &Pid) -> bool {
    rustix::process::test_kill_process(*pid).is_err()
}

fn raw(pid: Pid) -> i32 {
    pid.as_raw_nonzero().get()
}

impl Drop for PgServer {
    fn drop(&mut self) {
        // Frozen backends would not notice that their server ends.
        let _ = self.resume();
    }
}
