//! A worker: one thread that owns its pools, their clients and their servers.
//!
//! It moves bytes and asks: [`weir_core::session`] says what goes where and when a server
//! connection is needed, [`weir_core::pool`] says who gets which. Nothing here takes a lock except
//! to empty the letter box, and nothing waits for the control plane.
//!
//! | file | job |
//! | --- | --- |
//! | `client` | a client's bytes: read, offer to its session, park what was not taken |
//! | `server` | a server's bytes, likewise; the end of a lease |
//! | `arrival` | clients and server connections that come from the login threads |
//! | `door` | clients that this worker accepts itself |
//! | `departure` | clients and server connections that go |
//! | `effects` | what the pools decided |
//! | `cancel` | cancel requests, from clients and our own |
//! | `evict` | ending what a client holds without ending the client |
//! | `shares` | the budgets that pools draw on |
//! | `lending` | its parts of pools that other workers serve, too |
//! | `sweep` | time limits |
//! | `talk` | calls of sessions, and what they leave to be sent |
//! | `chores` | what is looked at now and then: who waits, what is stale, what nobody uses |
//! | `classes` | which route belongs to which class of an operator |
//! | `totals` | the totals in the log |
//! | `heal` | the healing ladder |
//! | `command` | what operators order |
//! | `book` | what the ledger is told |
//! | `hurt` | clients that do not get what they came for |
//! | `holders` | who has the server connections, and who waits |
//! | `inspect` | what the console and metrics ask |

mod arrival;
mod book;
mod cancel;
mod chores;
mod classes;
mod client;
mod command;
mod departure;
mod door;
mod effects;
mod evict;
mod heal;
mod holders;
mod hurt;
mod inspect;
mod lending;
mod notice;
mod pace;
mod server;
mod shares;
mod socket;
mod state;
mod sweep;
mod talk;
mod totals;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::time::{ClockId, Timespec, clock_gettime};
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;
use weir_core::config::limits;
use weir_core::console::{Holds, Serial};
use weir_core::ids::{BudgetId, PoolId};
use weir_core::pool::Pools;
use weir_core::session::{Outbox, OverrideBook, Shared, Statements};
use weir_core::time::Instant;

use crate::log::Gathering;
use crate::proxy::chance::Stock;
use crate::proxy::driver::{Driver, Readiness, Token};
use crate::proxy::mail::{FromWorker, Mailbox, ToWorker};
use crate::proxy::shares::Common;
use crate::proxy::slab::Slab;
use crate::proxy::target::PoolKey;
use cancel::Cancels;
use door::{Newcomers, Porch};
use heal::Healing;
use pace::Paced;
use state::{Client, Home, Pauser, Server};

pub use state::WorkerOptions;

/// How often time limits are looked at.
const SWEEP_EVERY: Duration = Duration::from_millis(100);

/// A worker's state. Runs on one thread from [`Worker::run`] until it is told to stop.
pub struct Worker {
    options: WorkerOptions,
    mailbox: Mailbox,
    requests: UnboundedSender<FromWorker>,
    driver: Driver,
    /// When it was made, on the kernel's monotonic clock.
    started: u64,
    now: Instant,
    pools: Pools,
    homes: Vec<Home>,
    /// A tree, as in `admission`.
    by_key: BTreeMap<PoolKey, PoolId>,
    budgets: HashMap<Common, BudgetId>,
    /// Where clients come in; only in a worker that accepts them.
    porch: Option<Porch>,
    newcomers: Newcomers,
    /// Newcomers with news, in the order in which it came.
    told: VecDeque<Token>,
    clients: Slab<Client>,
    servers: Slab<Server>,
    shared: Shared,
    desk: Desk,
    cancels: Cancels,
    healing: Healing,
    /// What is paused, for pools that are made later.
    holds: Holds,
    pausers: Vec<Pauser>,
    /// Clients and servers so far, for their numbers.
    serial: u64,
    stopping: Option<Instant>,
    /// When time limits are looked at next.
    sweep_at: Instant,
    drained: bool,
    performing: bool,
    /// Clients whose parked bytes may go on now that their lease has ended.
    resumes: VecDeque<u32>,
    /// Clients with more to read than one turn allows.
    again: Vec<u32>,
    /// Servers likewise.
    again_servers: Vec<u32>,
    /// Server connections that are read at a pace.
    paced: Paced,
    /// Empty buffers, for what is parked.
    spares: Vec<Vec<u8>>,
    /// For secrets.
    chance: Stock,
}

/// The outboxes that calls of sessions fill; reused for each.
#[derive(Debug, Default)]
struct Desk {
    to_client: Outbox,
    to_server: Outbox,
    let_go: Vec<Box<[u8]>>,
}

/// What a [`Token`] names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Bell,
    Door(usize),
    Client(u32),
    Newcomer(u32),
    Server(u32),
    Gone,
}

/// Whose place a token has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Client = 0,
    Newcomer = 1,
    Server = 2,
}

const BELL: Token = Token(u64::MAX);
/// Above the place and its generation: which slab is meant; neither, with all bits set.
const KIND_SHIFT: u32 = 62;
const GENERATION_MASK: u32 = (1 << (KIND_SHIFT - 32)) - 1;

/// Nanoseconds on the kernel's monotonic clock. It is read once a turn, so without the checks of
/// the standard library's type.
fn monotonic_ns() -> u64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Monotonic);
    tv_sec.cast_unsigned() * 1_000_000_000 + tv_nsec.cast_unsigned()
}

fn token(at: u32, generation: u32, kind: Kind) -> Token {
    let generation = u64::from(generation & GENERATION_MASK);
    Token((kind as u64) << KIND_SHIFT | generation << 32 | u64::from(at))
}

/// Names one of the doors: below the bell.
fn door_token(index: usize) -> Token {
    Token(BELL.0 - 1 - index as u64)
}

impl Worker {
    /// A worker that serves nobody yet.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn new(
        options: WorkerOptions,
        mailbox: Mailbox,
        requests: UnboundedSender<FromWorker>,
    ) -> Result<Self> {
        let mut driver = Driver::new(options.driver).context("cannot start the event loop")?;
        driver.watch(mailbox.bell(), BELL).context("cannot watch the letter box")?;
        let pools =
            if options.ledger { Pools::seeded(options.seed) } else { Pools::without_ledger() };
        let statements = Statements::new(options.seed, limits::STATEMENTS_UNUSED);
        Ok(Self {
            options,
            mailbox,
            requests,
            driver,
            started: monotonic_ns(),
            now: Instant::ZERO,
            pools,
            homes: Vec::new(),
            by_key: BTreeMap::new(),
            budgets: HashMap::new(),
            porch: None,
            newcomers: Newcomers::default(),
            told: VecDeque::new(),
            clients: Slab::default(),
            servers: Slab::default(),
            shared: Shared { statements, overrides: OverrideBook::default() },
            desk: Desk::default(),
            cancels: Cancels::default(),
            healing: Healing::default(),
            holds: Holds::default(),
            pausers: Vec::new(),
            serial: 0,
            stopping: None,
            sweep_at: Instant::ZERO,
            drained: false,
            performing: false,
            resumes: VecDeque::new(),
            again: Vec::new(),
            again_servers: Vec::new(),
            paced: Paced::default(),
            spares: Vec::new(),
            chance: Stock::default(),
        })
    }

    /// Serves until told to stop and everything is closed.
    ///
    /// # Errors
    /// Only when the kernel refuses to wait for events, which is a bug.
    pub fn run(mut self) -> Result<()> {
        // Those who need more time than there is here become tasks.
        let runtime = self.porch.as_ref().map(|porch| porch.runtime.clone());
        let _context = runtime.as_ref().map(Handle::enter);
        let mut news: Vec<Readiness> = Vec::new();
        let mut letters = Vec::new();
        let log = Gathering::begin();
        while !self.is_done() {
            news.clear();
            self.pause_paced();
            log.write_out();
            self.driver.wait(self.timeout(), &mut news).context("cannot wait for events")?;
            self.now = self.clock();
            for event in &news {
                match self.named(event.token) {
                    Named::Bell => self.read_letters(&mut letters),
                    Named::Door(index) => self.called(index),
                    Named::Client(at) => self.client_ready(at, *event),
                    Named::Newcomer(at) => self.newcomer_told(at, *event),
                    Named::Server(at) => self.server_ready(at, *event),
                    Named::Gone => {}
                }
            }
            self.upkeep();
        }
        Ok(())
    }

    /// A number for the next client or server connection.
    fn next_number(&mut self) -> Serial {
        self.serial += 1;
        Serial::new(self.options.index, self.serial)
    }

    /// The time; never before [`Self::now`].
    #[inline]
    fn clock(&self) -> Instant {
        Instant::from_nanos(monotonic_ns().saturating_sub(self.started)).max(self.now)
    }

    fn timeout(&self) -> Duration {
        let goes_on = !self.again.is_empty() || !self.again_servers.is_empty();
        if goes_on || !self.told.is_empty() {
            return Duration::ZERO;
        }
        let due = self.pools.deadline().map_or(self.sweep_at, |due| due.min(self.sweep_at));
        let due = self.next_call().map_or(due, |call| call.min(due));
        let due = self.paced.due().map_or(due, |read| due.min(read));
        due.since(self.now)
    }

    fn upkeep(&mut self) {
        if !self.again_servers.is_empty() || !self.again.is_empty() {
            self.read_on();
        }
        if !self.told.is_empty() {
            self.hear_newcomers();
        }
        if self.next_call().is_some_and(|call| call <= self.now) {
            self.answer_doors();
        }
        if self.paced.due().is_some_and(|due| due <= self.now) {
            self.read_paced();
        }
        if self.pools.deadline().is_some_and(|deadline| deadline <= self.now) {
            self.pools.tick(self.now);
        }
        self.perform_effects();
        if self.sweep_at <= self.now {
            self.sweep_at = self.now + SWEEP_EVERY;
            self.sweep();
        }
    }

    /// Reads those that had more to read than a turn allows.
    fn read_on(&mut self) {
        for at in std::mem::take(&mut self.again_servers) {
            self.pump_server(at);
        }
        for at in std::mem::take(&mut self.again) {
            self.pump_client(at);
        }
    }

    #[inline]
    fn named(&self, token: Token) -> Named {
        if token == BELL {
            return Named::Bell;
        }
        // The lower half is the place, the upper its generation.
        #[expect(clippy::cast_possible_truncation)]
        let (at, generation) = (token.0 as u32, (token.0 >> 32) as u32 & GENERATION_MASK);
        let (current, named) = match token.0 >> KIND_SHIFT {
            0 => (self.clients.generation(at), Named::Client(at)),
            1 => (self.newcomers.generation(at), Named::Newcomer(at)),
            2 => (self.servers.generation(at), Named::Server(at)),
            _ => return Named::Door(usize::try_from(BELL.0 - 1 - token.0).unwrap_or(usize::MAX)),
        };
        if current & GENERATION_MASK == generation { named } else { Named::Gone }
    }

    fn read_letters(&mut self, letters: &mut Vec<ToWorker>) {
        self.mailbox.take(letters);
        for letter in letters.drain(..) {
            match letter {
                ToWorker::Admit(client) => self.admit(*client),
                ToWorker::Dialled(server) => self.dialled(*server),
                ToWorker::DialFailed { dial, failure } => self.dial_failed(dial, failure),
                ToWorker::Cancel(request) => self.cancel_asked(request),
                ToWorker::Cancelled { token } => self.cancel_delivered(token),
                ToWorker::Moved { address, sockets } => self.moved(&address, &sockets),
                ToWorker::Reconfigure { pool, target } => self.reconfigure(&pool, target),
                ToWorker::Inspect { detail, answer } => {
                    // Whoever asked may have gone.
                    let _ = answer.send(self.snapshot(detail));
                }
                ToWorker::CloseDoors => self.close_doors(),
                ToWorker::Command(command) => self.command(command),
            }
            self.perform_effects();
        }
    }
}
