//! A closed loop: each client sends its next transaction once the last is answered. One thread,
//! so that the load takes as little as it can from what is measured.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

use crate::deadline::Deadline;
use crate::load::connection::{Connection, Door};
use crate::load::script::{Chance, Script};

const EVENTS: usize = 256;

/// What was seen between the end of the warm-up and the end of the run.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Seen {
    pub(crate) elapsed: Duration,
    /// Of each transaction that ended, in seconds.
    pub(crate) latencies: Vec<f64>,
    /// Transactions of each client that works.
    pub(crate) by_client: Vec<u32>,
}

/// Clients that are logged in.
pub(crate) struct Clients {
    script: Script,
    connections: Vec<Connection>,
    /// Whether the client of this number works.
    works: fn(usize) -> bool,
    deadline: Deadline,
    watch: rustix::fd::OwnedFd,
    chance: Chance,
    /// A client that has run a transaction rests.
    once_only: bool,
    out: Vec<u8>,
    buffer: Vec<u8>,
}

impl Clients {
    /// Connects so many clients, one after the other, and lets them prepare.
    pub(crate) fn connect(door: Door, script: Script, count: u32) -> Result<Self> {
        let watch = epoll::create(CreateFlags::CLOEXEC).context("making an epoll")?;
        let mut connections = Vec::new();
        let mut buffer = vec![0; 16 << 10];
        for index in 0..count as usize {
            ensure!(!door.deadline.has_passed(), "{index} of {count} clients came in time");
            let mut connection = Connection::open(door, index)?;
            let opening = script.opening();
            if !opening.is_empty() {
                connection.ask(&opening, &mut buffer)?;
            }
            connection.stream.set_nonblocking(true)?;
            epoll::add(
                &watch,
                &connection.stream,
                EventData::new_u64(index as u64),
                EventFlags::IN,
            )
            .context("watching a connection")?;
            connections.push(connection);
        }
        Ok(Self {
            script,
            connections,
            works: |_| true,
            deadline: door.deadline,
            watch,
            chance: Chance::new(1),
            once_only: false,
            out: Vec::new(),
            buffer,
        })
    }

    /// The same, but only these clients work, by their numbers.
    pub(crate) fn only(self, works: fn(usize) -> bool) -> Self {
        Self { works, ..self }
    }

    /// Runs the load: `warm_up`, then `measured`, with a call of `edge` at the begin and the end
    /// of the latter.
    pub(crate) fn run<T>(
        &mut self,
        warm_up: Duration,
        measured: Duration,
        mut edge: impl FnMut() -> Result<T>,
    ) -> Result<(Seen, T, T)> {
        let mut seen = self.unseen();
        self.start()?;
        self.pump(Instant::now() + warm_up, None)?;
        let began = Instant::now();
        let before = edge()?;
        self.pump(began + measured, Some(&mut seen))?;
        seen.elapsed = began.elapsed();
        let after = edge()?;
        seen.by_client = self.working().map(|at| seen.by_client[at]).collect();
        Ok((seen, before, after))
    }

    /// Runs so many transactions of all clients together, then as many as the second number says,
    /// with a call of `edge` at the begin and the end of the latter.
    pub(crate) fn count<T>(
        &mut self,
        [warm_up, measured]: [usize; 2],
        mut edge: impl FnMut() -> Result<T>,
    ) -> Result<(Seen, T, T)> {
        self.start()?;
        self.transactions(warm_up)?;
        let before = edge()?;
        let seen = self.transactions(measured)?;
        Ok((seen, before, edge()?))
    }

    /// Serves events until at least so many transactions have ended.
    fn transactions(&mut self, count: usize) -> Result<Seen> {
        let mut seen = self.unseen();
        let began = Instant::now();
        while seen.latencies.len() < count {
            self.turn(Some(&mut seen))?;
        }
        seen.elapsed = began.elapsed();
        Ok(seen)
    }

    /// Lets every client run one transaction, all begun at once, and waits for the last.
    pub(crate) fn once(&mut self) -> Result<Seen> {
        self.start()?;
        self.once_only = true;
        let seen = self.transactions(self.connections.len())?;
        self.once_only = false;
        Ok(seen)
    }

    fn unseen(&self) -> Seen {
        Seen { by_client: vec![0; self.connections.len()], ..Seen::default() }
    }

    fn working(&self) -> impl Iterator<Item = usize> {
        (0..self.connections.len()).filter(|at| (self.works)(*at))
    }

    fn start(&mut self) -> Result<()> {
        let working: Vec<usize> = self.working().collect();
        working.into_iter().try_for_each(|at| self.next(at, Instant::now()))
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
        let left = self.deadline.left().try_into().context("the time left")?;
        epoll::wait(&self.watch, spare, Some(&left)).context("waiting")?;
        ensure!(!self.deadline.has_passed(), "the clients were not done in time");
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
