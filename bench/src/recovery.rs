//! The server restarts under load: how soon is everybody served again?

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use weir_testkit::{Options, PgServer, Session, Stop, Want, until};

use crate::deadline::Deadline;
use crate::pgbench::{DATABASE, USER};

/// How long a client waits after an error before it asks again.
const PAUSE: Duration = Duration::from_millis(10);

/// Seconds from the moment the server takes connections again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Recovered {
    pub(crate) first_s: f64,
    pub(crate) all_s: f64,
}

/// A server of its own, so that the one all others share stays up.
pub(crate) fn server() -> Result<PgServer> {
    PgServer::start(Options::new(Want::any()))
}

/// Lets clients query through `port`, restarts the server before which the proxy stands, and
/// waits until each has had an answer from the new one.
pub(crate) fn run(
    server: &mut PgServer,
    port: u16,
    clients: usize,
    deadline: Deadline,
) -> Result<Recovered> {
    let board = Arc::new(Board {
        last: (0..clients).map(|_| Mutex::new(None)).collect(),
        over: AtomicBool::new(false),
    });
    let threads: Vec<_> = (0..clients)
        .map(|at| {
            let board = Arc::clone(&board);
            thread::spawn(move || board.query(at, port))
        })
        .collect();
    let outcome = restart(server, &board, deadline);
    board.over.store(true, Ordering::Relaxed);
    for thread in threads {
        ensure!(thread.join().is_ok(), "a client's thread broke");
    }
    outcome
}

fn restart(server: &mut PgServer, board: &Board, deadline: Deadline) -> Result<Recovered> {
    let before = Instant::now();
    board.wait_for_all(before, deadline).context("before the restart")?;
    server.stop(Stop::Fast)?;
    let down = Instant::now();
    server.start_again()?;
    let up = Instant::now();
    let answers = board.wait_for_all(down, deadline)?;
    // One may have been served before we noticed that the server was up.
    let seconds = |at: &Instant| at.saturating_duration_since(up).as_secs_f64();
    let seconds: Vec<f64> = answers.iter().map(seconds).collect();
    let first_s = seconds.iter().copied().fold(f64::INFINITY, f64::min);
    let all_s = seconds.iter().copied().fold(0.0, f64::max);
    Ok(Recovered { first_s, all_s })
}

/// When each client was first answered since it was last looked at.
struct Board {
    last: Vec<Mutex<Option<Instant>>>,
    over: AtomicBool,
}

impl Board {
    /// A client: asks again and again, whatever happens.
    fn query(&self, at: usize, port: u16) {
        let mut session = None;
        while !self.over.load(Ordering::Relaxed) {
            let answered = match &mut session {
                Some(open) => Session::query(open, "SELECT 1").is_ok(),
                None => {
                    session = Session::tcp(port, USER, DATABASE).ok();
                    continue;
                }
            };
            if answered {
                let mut last = self.last[at].lock().unwrap_or_else(PoisonError::into_inner);
                last.get_or_insert_with(Instant::now);
            } else {
                session = None;
            }
            thread::sleep(PAUSE);
        }
    }

    /// Forgets what was before `since` and waits until every client has been answered after it.
    fn wait_for_all(&self, since: Instant, deadline: Deadline) -> Result<Vec<Instant>> {
        until("every client to be served", deadline.left(), || {
            let answer = |slot: &Mutex<Option<Instant>>| {
                let mut last = slot.lock().unwrap_or_else(PoisonError::into_inner);
                *last = last.filter(|at| *at > since);
                *last
            };
            // Each is looked at, also behind one that is still to be answered.
            let answers: Vec<Option<Instant>> = self.last.iter().map(answer).collect();
            Ok(answers.into_iter().collect())
        })
    }
}
