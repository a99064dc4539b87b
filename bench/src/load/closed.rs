//! A closed loop: each client sends its next transaction once the last is answered. One thread,
//! so that the load takes as little as it can from what is measured.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

use crate::load::connection::Connection;
use crate::load::script::{Chance, Script};

/// How long the loop may hear nothing before the run counts as stuck.
const SILENCE_MAX: Timespec = Timespec { tv_sec: 120, tv_nsec: 0 };

const EVENTS: usize = 256;

/// What was seen between the end of the warm-up and the end of the run.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Seen {
    pub(crate) elapsed: Duration,
    /// Of each transaction that ended, in seconds.
    pub(crate) latencies: Vec<f64>,
    /// Transactions of each client.
    pub(crate) by_client: Vec<u32>,
}

/// Clients that are logged in.
pub(crate) struct Clients {
    script: Script,
    connections: Vec<Connection>,
    watch: rustix::fd::OwnedFd,
    chance: Chance,
    /// A client that has run a transaction rests.
    once_only: bool,
    out: Vec<u8>,
    buffer: Vec<u8>,
}

impl Clients {
    /// Connects so many clients, one after the other, and lets them prepare.
    pub(crate) fn connect(port: u16, script: Script, count: u32) -> Result<Self> {
        let watch = epoll::create(CreateFlags::CLOEXEC).context("making an epoll")?;
        let mut connections = Vec::new();
        let mut buffer = vec![0; 16 << 10];
        for index in 0..u64::from(count) {
            let mut connection = Connection::open(port)?;
            let opening = script.opening();
            if !opening.is_empty() {
                connection.ask(&opening, &mut buffer)?;
            }
            connection.stream.set_nonblocking(true)?;
            epoll::add(&watch, &connection.stream, EventData::new_u64(index), EventFlags::IN)
                .context("watching a connection")?;
            connections.push(connection);
        }
        let (chance, out) = (Chance::new(1), Vec::new());
        Ok(Self { script, connections, watch, chance, once_only: false, out, buffer })
    }

    /// Runs the load: `warm_up`, then `measured`, with a call of `edge` at the begin and the end
    /// of the latter.
    pub(crate) fn run<T>(
        &mut self,
        warm_up: Duration,
        measured: Duration,
        mut edge: impl FnMut() -> Result<T>,
    ) -> Result<(Seen, T, T)> {
        let mut seen = Seen { by_client: vec![0; self.connections.len()], ..Seen::default() };
        for at in 0..self.connections.len() {
            self.next(at, Instant::now())?;
        }
        self.pump(Instant::now() + warm_up, None)?;
        let began = Instant::now();
        let before = edge()?;
        self.pump(began + measured, Some(&mut seen))?;
        seen.elapsed = began.elapsed();
        let after = edge()?;
        Ok((seen, before, after))
    }

    /// Lets every client run one transaction, all begun at once, and waits for the last.
    pub(crate) fn once(&mut self) -> Result<Seen> {
        let mut seen = self.unseen();
        self.start()?;
        self.once_only = true;
        let began = Instant::now();
        while seen.latencies.len() < self.connections.len() {
            self.turn(Some(&mut seen))?;
        }
        self.once_only = false;
        seen.elapsed = began.elapsed();
        Ok(seen)
    }

    fn unseen(&self) -> Seen {
        Seen { by_client: vec![0; self.connections.len()], ..Seen::default() }
    }

    fn start(&mut self) -> Result<()> {
        (0..self.connections.len()).try_for_each(|at| self.next(at, Instant::now()))
    }

    /// Serves events until `end`; records what ends meanwhile.
    fn pump(&mut self, end: Instant, mut seen: Option<&mut Seen>) -> Result<()> {
        while self.turn(seen.as_deref_mut())? < end {}
        Ok(())
    }

    /// Waits for events and serves them. Returns when they came.
    fn turn(&mut self, mut seen: Option<&mut Seen>) -> Result<Instant> {
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS);
        let spare = rustix::buffer::spare_capacity(&mut events);
        epoll::wait(&self.watch, spare, Some(&SILENCE_MAX)).context("waiting")?;
        if events.is_empty() {
            bail!("no client has heard anything for {} s", SILENCE_MAX.tv_sec);
        }
        let now = Instant::now();
        for event in &events {
            let data = event.data;
            let at = usize::try_from(data.u64()).context("a client's number")?;
            if self.connections[at].hear(&mut self.buffer)? {
                self.answered(at, now, seen.as_deref_mut())?;
            }
        }
        Ok(now)
    }

    fn answered(&mut self, at: usize, now: Instant, seen: Option<&mut Seen>) -> Result<()> {
        let connection = &mut self.connections[at];
        if connection.request == self.script.requests() {
            connection.request = 0;
            if let (Some(began), Some(seen)) = (connection.began.take(), seen) {
                seen.latencies.push(now.duration_since(began).as_secs_f64());
                seen.by_client[at] += 1;
            }
            if self.once_only {
                return Ok(());
            }
        }
        self.next(at, now)
    }

    fn next(&mut self, at: usize, now: Instant) -> Result<()> {
        let connection = &mut self.connections[at];
        if connection.request == 0 {
            connection.began = Some(now);
            connection.numbers = self.chance.numbers();
        }
        self.out.clear();
        self.script.write(connection.request, connection.numbers, &mut self.out);
        connection.request += 1;
        connection.send(&self.out)
    }
}
