//! Runs a program to its end and turns a failure into a message.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::wait::until;

/// Limit for programs that are expected to end by themselves.
const FOREVER: Duration = Duration::from_secs(24 * 3600);

/// Runs `command` and returns what it printed on standard output.
///
/// # Errors
/// When it cannot be started or fails; the message has the end of what it printed.
pub fn output(command: &mut Command) -> Result<String> {
    output_within(FOREVER, command)
}

/// Runs `command`, whatever it prints.
///
/// # Errors
/// As [`output`].
pub fn run(command: &mut Command) -> Result<()> {
    output(command).map(drop)
}

/// Runs `command` for at most `limit`, then kills it and its children.
///
/// # Errors
/// As [`output`], and when the limit has passed.
pub fn output_within(limit: Duration, command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let (status, stdout, stderr) = finish(limit, &name, command)?;
    if status.is_some_and(|status| status.success()) {
        return Ok(stdout);
    }
    let how = status.map_or_else(|| format!("ran over {limit:?}"), |how| format!("failed: {how}"));
    bail!("{name} {how}; it said:\n{}", tail(&format!("{stdout}{stderr}")))
}

/// The exit status (`None` when killed for the limit) and what was printed.
fn finish(
    limit: Duration,
    name: &str,
    command: &mut Command,
) -> Result<(Option<ExitStatus>, String, String)> {
    let mut child = command
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {name}"))?;
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let status = until(name, limit, || Ok(child.try_wait()?)).ok();
    if status.is_none() {
        // It may end by itself in this very moment: then there is nothing to kill.
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        child.wait()?;
    }
    let text = |thread: thread::JoinHandle<Vec<u8>>| {
        String::from_utf8_lossy(&thread.join().unwrap_or_default()).into_owned()
    };
    Ok((status, text(stdout), text(stderr)))
}

/// Reads a pipe to its end in a thread, so that neither pipe can block the program.
fn collect(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is still worth showing.
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

/// The last lines of a log.
pub(crate) fn tail(log: &str) -> String {
    const LINES: usize = 40;
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_failure_shows_what_was_said() {
        assert_eq!(output(&mut sh("echo fine; echo noise >&2")).unwrap(), "fine\n");
        let err = output(&mut sh("echo before; echo broken >&2; exit 3")).unwrap_err().to_string();
        assert!(err.contains("exit status: 3") && err.contains("before\nbroken"), "{err}");
    }

    #[test]
    fn one_that_hangs_is_killed_with_its_children() {
        let limit = Duration::from_millis(100);
        let err = output_within(limit, &mut sh("sleep 600 & sleep 600")).unwrap_err();
        assert!(err.to_string().contains("ran over"), "{err}");
    }
}
