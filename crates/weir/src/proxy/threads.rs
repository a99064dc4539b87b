//! The login threads: one tokio runtime that accepts, logs in, dials and cancels.

mod requests;
mod turns;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use tokio::io::unix::AsyncFd;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{Receiver, Sender, UnboundedSender, channel, unbounded_channel};
use tokio::task::JoinHandle;
use weir_core::config::limits;
use weir_core::config::settings::Settings;

use crate::incident::Reporter;
use crate::proxy::admission::Admission;
use crate::proxy::auth::query::Secrets;
use crate::proxy::chance;
use crate::proxy::console::Console;
use crate::proxy::dial::{Dialler, ServerConn};
use crate::proxy::directory::Directory;
use crate::proxy::door::Door;
use crate::proxy::listen::{self, Listener};
use crate::proxy::lobby::Lobby;
use crate::proxy::login::Visitor;
use crate::proxy::mail::{DialFailure, FromWorker, Mailbox, ToWorker};
use crate::proxy::names::{self, Names, Resolver};
use crate::proxy::scram_keys::ScramKeys;
use crate::proxy::shelf::Shelf;
use crate::proxy::target::{DialSpec, PoolKey, Target};

/// What every login shares.
#[derive(Debug)]
pub struct House {
    /// Users, databases, certificates: all that a reload replaces.
    pub directory: ArcSwap<Directory>,
    /// The workers' letter boxes, by worker.
    pub mailboxes: Vec<Mailbox>,
    /// Counts clients.
    pub admission: Admission,
    /// Counts half-open logins.
    pub lobby: Lobby,
    /// Where clients of the console go.
    pub visitors: Sender<Visitor>,
    /// Set when the process is about to end: nobody is let in any more, cancels still are.
    pub stopping: AtomicBool,
    /// Places for cancel requests that wait to be delivered.
    pub cancels: Semaphore,
    /// What the sessions of the console share.
    pub console: Console,
    /// The workers keep ledgers. A reload changes nothing about that.
    pub ledger: bool,
    /// Secrets that PostgreSQL told.
    pub secrets: Secrets,
    /// Salts the verifiers of users who do not exist; new with each start.
    pub mock_secret: [u8; 32],
    /// What the names of servers stand for.
    pub names: Names,
    /// SCRAM keys of passwords that were used before.
    pub scram_keys: ScramKeys,
    /// Where incidents are kept.
    pub incidents: Reporter,
}

/// The running login threads. Dropping them stops accepting and dialling.
#[derive(Debug)]
pub struct LoginThreads {
    runtime: Runtime,
    house: Arc<House>,
    requests: UnboundedSender<FromWorker>,
    addresses: Vec<String>,
    accepting: Vec<JoinHandle<()>>,
    doors: Mutex<Option<Vec<Door>>>,
    console: Mutex<Option<Receiver<Visitor>>>,
}

/// Who accepts TCP clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Porter {
    /// The login threads: a client's pool may be any worker's.
    LoginThreads,
    /// The only worker, which so lets in without a change of threads.
    Worker,
}

/// What a worker accepts with.
#[derive(Debug)]
pub struct Doors {
    /// The sockets that are listened on.
    pub doors: Vec<Door>,
    /// What it shares with the login threads.
    pub house: Arc<House>,
    /// Where those go who need more time.
    pub runtime: Handle,
}

/// Clients of the console that nobody has taken yet; further ones wait to be let in.
const VISITORS_WAITING: usize = 16;

/// The index of a pool's first worker; always the same one for the same pool.
pub(in crate::proxy) fn first_worker(pool: &PoolKey, workers: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    pool.hash(&mut hasher);
    // The remainder is below the number of workers, so it fits; there is at least one.
    #[expect(clippy::cast_possible_truncation)]
    let index = (hasher.finish() % workers as u64) as usize;
    index
}

impl House {
    /// The letter box of the worker that gets the next client of a pool.
    #[must_use]
    pub fn mailbox(&self, pool: &PoolKey, target: &Target) -> &Mailbox {
        let workers = self.mailboxes.len();
        let rank = target.shelf.as_deref().map_or(0, Shelf::next);
        &self.mailboxes[(first_worker(pool, workers) + rank) % workers]
    }

    /// Tells all workers of a pool what it is made of now.
    pub fn reconfigure(&self, pool: &PoolKey, target: Option<&Arc<Target>>) {
        // A pool that is gone may have had several.
        let serving = match target {
            Some(target) => target.shelf.as_deref().map_or(1, Shelf::workers) as usize,
            None => self.mailboxes.len(),
        };
        let first = first_worker(pool, self.mailboxes.len());
        for mailbox in self.mailboxes.iter().cycle().skip(first).take(serving) {
            let (pool, target) = (pool.clone(), target.cloned());
            mailbox.put(ToWorker::Reconfigure { pool, target });
        }
    }

    /// Opens a server connection.
    ///
    /// # Errors
    /// Why not, in words.
    pub async fn open(&self, spec: &DialSpec) -> Result<ServerConn, DialFailure> {
        let directory = self.directory.load_full();
        let keepalive = &directory.settings.listen.keepalive;
        let resolver = Resolver {
            names: &self.names,
            ttl: directory.settings.dns_ttl,
            workers: &self.mailboxes,
        };
        Dialler { keys: &self.scram_keys, keepalive, resolver }.open(spec).await
    }
}

impl LoginThreads {
    /// Binds the configured addresses and starts serving them. `mailboxes` are the workers', in
    /// the order of their indexes; at least one. `incidents` is told what happens.
    /// Where the `porter` is a worker, TCP clients wait until it has the [doors](Self::doors).
    ///
    /// # Errors
    /// When TLS cannot be set up, an address cannot be bound, or threads cannot be started.
    pub fn start(
        settings: Settings,
        mailboxes: Vec<Mailbox>,
        incidents: Reporter,
        porter: Porter,
    ) -> Result<Self> {
        anyhow::ensure!(!mailboxes.is_empty(), "there must be at least one worker");
        let runtime = Builder::new_multi_thread()
            .worker_threads(usize::from(settings.workers.login_threads.max(1)))
            .thread_name("login")
            .enable_all()
            .build()
            .context("cannot start the login threads")?;
        let listeners = runtime.block_on(listen::bind(&settings.listen))?;
        let (visitors, console) = channel(VISITORS_WAITING);
        let ledger = settings.ledger;
        let house = Arc::new(House {
            directory: ArcSwap::from_pointee(Directory::new(settings)?),
            mailboxes,
            admission: Admission::default(),
            lobby: Lobby::new(limits::HALF_OPEN_LOGINS),
            visitors,
            stopping: AtomicBool::new(false),
            cancels: Semaphore::new(limits::CANCELS_QUEUED),
            console: Console::default(),
            ledger,
            secrets: Secrets::default(),
            mock_secret: chance::bytes().context("no random bytes")?,
            names: Names::default(),
            scram_keys: ScramKeys::default(),
            incidents,
        });
        let addresses = listeners.iter().map(Listener::to_string).collect();
        let (requests, inbox) = unbounded_channel();
        runtime.spawn(requests::serve(Arc::clone(&house), inbox));
        runtime.spawn(names::watch(Arc::clone(&house)));
        let mut doors = Vec::new();
        let mut accepting = Vec::new();
        for listener in listeners {
            match listener {
                Listener::Tcp(socket) if porter == Porter::Worker => doors.push(socket),
                other => {
                    accepting.push(runtime.spawn(listen::accept(Arc::clone(&house), other)));
                }
            }
        }
        let doors = Mutex::new((porter == Porter::Worker).then(|| {
            let keepalive = &house.directory.load().settings.listen.keepalive;
            let door = |socket: AsyncFd<_>| Door::new(socket.into_inner(), keepalive);
            doors.into_iter().map(door).collect()
        }));
        let console = Mutex::new(Some(console));
        Ok(Self { runtime, house, requests, addresses, accepting, doors, console })
    }

    /// What the first worker accepts TCP clients with, where it does. Given once.
    #[must_use]
    pub fn doors(&self) -> Option<Doors> {
        let doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let (house, runtime) = (Arc::clone(&self.house), self.runtime.handle().clone());
        Some(Doors { doors, house, runtime })
    }

    /// Where workers send their requests. Bounded by what they may ask for: a dial for each slot,
    /// a cancel for each server connection.
    #[must_use]
    pub fn requests(&self) -> UnboundedSender<FromWorker> {
        self.requests.clone()
    }

    /// Who comes to the console. Given once; dropping it closes the console.
    #[must_use]
    pub fn visitors(&self) -> Option<Receiver<Visitor>> {
        self.console.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The addresses that are listened on, with the ports the kernel chose.
    #[must_use]
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// What the logins share.
    #[must_use]
    pub fn house(&self) -> &Arc<House> {
        &self.house
    }

    /// Goes on with new settings: users, databases, limits and certificates are read anew, pools
    /// that exist get their new targets. Listening addresses and thread counts stay as they are.
    ///
    /// # Errors
    /// When TLS cannot be set up; the old settings stay in force then.
    pub fn reload(&self, settings: Settings) -> Result<()> {
        let next = Arc::new(Directory::after(settings, &self.house.directory.load())?);
        let before = self.house.directory.swap(Arc::clone(&next));
        for (pool, target) in next.succeed(&before) {
            self.house.reconfigure(&pool, target.as_ref());
        }
        Ok(())
    }

    /// Refuses everyone who logs in from now on; cancel requests are served still, for the
    /// transactions that are to end.
    pub fn refuse_new(&self) {
        self.house.stopping.store(true, Ordering::Relaxed);
    }

    /// Closes the listening sockets, so that another process can take the addresses. Logins under
    /// way go on.
    pub fn stop_accepting(&self) {
        self.accepting.iter().for_each(JoinHandle::abort);
        // Only the one who has doors has any to close.
        for mailbox in &self.house.mailboxes {
            mailbox.put(ToWorker::CloseDoors);
        }
    }

    /// The runtime, for what else must run beside the workers.
    #[must_use]
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }
}
