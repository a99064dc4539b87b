//! `weir up`: starts the threads, tells when it serves, and waits for signals.

mod told;

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, UnboundedSender, channel, unbounded_channel};
use weir_core::alert::More;
use weir_core::config::choices::DriverChoice;
use weir_core::config::settings::{Http, Settings};
use weir_core::console::{ConfigRow, Shutdown};
use weir_core::ledger::{OFF, OFF_COSTS};

use crate::changes::Changes;
use crate::export;
use crate::history::History;
use crate::http::{HttpListener, Shown};
use crate::incident::{self, Incidents};
use crate::monitor::guard::{Guard, Lookout};
use crate::proxy::chance;
use crate::proxy::console::{self, Order};
use crate::proxy::driver::Kind;
use crate::proxy::mail::{Command, Mailbox, ToWorker};
use crate::proxy::threads::{LoginThreads, Porter};
use crate::proxy::worker::{Worker, WorkerOptions};
use crate::state_dir::StateDir;
use told::{Event, Signals};

/// Orders of console sessions that wait for their turn; each session has at most one.
const ORDERS_QUEUED: usize = 16;

/// With no limit on the wait for transactions, a stop still ends one day.
const SHUTDOWN_WAIT_MAX: Duration = Duration::from_secs(86_400);

/// How often it is looked whether the last client has left, once that is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long a closed client may take to read what it was told.
const LINGER: Duration = Duration::from_secs(5);

/// A running proxy.
pub struct Proxy {
    logins: Arc<LoginThreads>,
    mailboxes: Vec<Mailbox>,
    threads: Vec<JoinHandle<()>>,
    ended: UnboundedReceiver<Result<()>>,
    _state: Option<StateDir>,
    ordered: Receiver<Order>,
    guard: Guard,
    incidents: Incidents,
    history: Arc<History>,
    /// Where HTTP is served.
    http: Option<SocketAddr>,
    /// Workers that have not ended.
    running: usize,
    /// Workers have been told to stop.
    told_to_stop: bool,
    waits_for_clients: bool,
}

/// A configuration that was read again.
pub struct Reloaded {
    /// What the proxy reads.
    pub settings: Settings,
    /// The same as it is written, for the console.
    pub config: Vec<ConfigRow>,
}

impl Proxy {
    /// Binds the addresses and starts all threads.
    ///
    /// # Errors
    /// When the state directory is not ours, an address cannot be bound, TLS cannot be set up, or
    /// a thread cannot be started.
    pub fn start(settings: &Settings, config: Vec<ConfigRow>) -> Result<Self> {
        let state = settings.state_dir.as_ref().map(|dir| StateDir::claim(Path::new(dir)));
        let state = state.transpose()?;
        raise_descriptor_limit();
        let count = usize::from(settings.workers.count.max(1));
        let mailboxes: Vec<Mailbox> =
            (0..count).map(|_| Mailbox::new()).collect::<Result<_, _>>()?;
        let (orders, ordered) = channel(ORDERS_QUEUED);
        let incidents = Incidents::start(settings, More::Proxy)?;
        let reporter = incidents.reporter().clone();
        // With several workers a client's pool may be another's.
        let porter = if count == 1 { Porter::Worker } else { Porter::LoginThreads };
        let logins = LoginThreads::start(settings.clone(), mailboxes.clone(), reporter, porter)?;
        let logins = Arc::new(logins);
        let driver = choose_driver(settings.workers.driver)?;
        tracing::info!(workers = count, "the event loop is {}", driver.name());
        if !settings.ledger {
            tracing::warn!("{OFF}; {OFF_COSTS}");
        }
        if let Some(visitors) = logins.visitors() {
            let house = Arc::clone(logins.house());
            logins.runtime().spawn(console::serve(house, visitors, orders));
        }
        logins.house().console.config.store(config.into());
        let lookout = Lookout::default();
        let house = Arc::clone(logins.house());
        let history = Arc::new(History::start(settings, logins.runtime(), Arc::clone(&house)));
        let shown = Shown {
            house: Arc::clone(&house),
            lookout: lookout.clone(),
            history: Arc::clone(&history),
            player: Arc::new(Semaphore::new(1)),
            guarded: settings.http.as_ref().is_some_and(|http| http.token.is_some()),
        };
        let http = settings.http.as_ref();
        let http = http.map(|http| serve_http(http, &logins, shown)).transpose()?;
        export::start(&settings.otlp, logins.runtime(), Arc::clone(&house))?;
        let guard = Guard::start(Arc::clone(logins.house()), lookout.clone())?;
        logins.runtime().spawn(incident::feed(lookout, house));
        let (ends, ended) = unbounded_channel();
        let threads = mailboxes
            .iter()
            .enumerate()
            .map(|(index, mailbox)| {
                start_worker((index, driver), settings, mailbox, &logins, &ends)
            })
            .collect::<Result<_>>()?;
        let running = mailboxes.len();
        Ok(Self {
            logins,
            mailboxes,
            threads,
            ended,
            _state: state,
            ordered,
            guard,
            incidents,
            history,
            http,
            running,
            told_to_stop: false,
            waits_for_clients: false,
        })
    }

    /// The addresses clients connect to.
    #[must_use]
    pub fn addresses(&self) -> &[String] {
        self.logins.addresses()
    }

    /// Serves until it is told to stop: SIGTERM and SIGINT let transactions end (a second one does
    /// not wait), SIGHUP reads the configuration again by `reload`; administrators on the console
    /// can do the same. Says `ready` once signals are heard.
    ///
    /// # Errors
    /// When a worker ended by itself, which is a bug.
    pub fn serve(
        mut self,
        ready: impl FnOnce() -> Result<()>,
        mut reload: impl FnMut() -> Result<Reloaded, String>,
    ) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut signals = Signals::new()?;
            ready()?;
            loop {
                let next = tokio::select! {
                    next = signals.next() => next,
                    Some(order) = self.ordered.recv() => order.into(),
                    () = deserted(&self.logins, self.waits_for_clients) => {
                        Event::Stop(Shutdown::WaitForServers)
                    }
                    ended = self.ended.recv() => {
                        ended.context("the workers are gone")??;
                        if !self.told_to_stop {
                            bail!("a worker ended by itself");
                        }
                        self.running -= 1;
                        if self.running == 0 {
                            return Ok(());
                        }
                        continue;
                    }
                };
                match next {
                    Event::Stop(how) => {
                        self.history.flush().await;
                        self.begin_stop(how);
                    }
                    Event::Reload(answer) => {
                        let done = self.reload(reload());
                        if let Some(answer) = answer {
                            // The session may have gone.
                            let _ = answer.send(done);
                        }
                    }
                }
            }
        })?;
        for thread in self.threads {
            let _ = thread.join();
        }
        Ok(())
    }

    /// Where HTTP is served, with the port the kernel chose; `None` where it is off.
    #[must_use]
    pub fn http(&self) -> Option<SocketAddr> {
        self.http
    }

    /// The workers' letter boxes.
    #[must_use]
    pub fn mailboxes(&self) -> &[Mailbox] {
        &self.mailboxes
    }

    /// Stops everything; transactions have `grace` to end.
    ///
    /// # Errors
    /// When a worker failed.
    pub fn stop(mut self, grace: Duration) -> Result<()> {
        self.tell_to_stop(grace);
        for thread in std::mem::take(&mut self.threads) {
            let _ = thread.join();
        }
        match self.ended.try_recv() {
            Ok(ended) => ended,
            Err(_) => Ok(()),
        }
    }

    fn reload(&self, read: Result<Reloaded, String>) -> Result<(), String> {
        let done = read.and_then(|Reloaded { settings, config }| {
            self.logins.reload(settings.clone()).map_err(|error| format!("{error:#}"))?;
            self.guard.reload();
            let shown = &self.logins.house().console.config;
            let changes = Changes::between(&shown.load(), &config);
            changes.say_what_needs_a_restart();
            self.incidents.reporter().reload(&settings, changes.to_string());
            shown.store(config.into());
            Ok(())
        });
        match &done {
            Ok(()) => tracing::info!("configuration reloaded"),
            Err(why) => tracing::error!("reload refused, the old configuration stays: {why}"),
        }
        done
    }

    /// Begins to stop, or stops faster when that has begun.
    fn begin_stop(&mut self, how: Shutdown) {
        self.logins.refuse_new();
        let settings = &self.logins.house().directory.load().settings;
        if how == Shutdown::WaitForClients || settings.listen.reuse_port {
            // Another process takes over. Else the sockets stay open, for cancel requests.
            self.logins.stop_accepting();
        }
        if how == Shutdown::WaitForClients && !self.told_to_stop {
            tracing::info!("stopping: when the last client has left");
            self.waits_for_clients = true;
            return;
        }
        let patience = settings.timeouts.shutdown_wait.unwrap_or(SHUTDOWN_WAIT_MAX);
        let grace = match how {
            Shutdown::WaitForServers | Shutdown::WaitForClients if !self.told_to_stop => patience,
            Shutdown::Now | Shutdown::WaitForServers | Shutdown::WaitForClients => Duration::ZERO,
        };
        match grace {
            Duration::ZERO => tracing::info!("stopping at once"),
            _ => tracing::info!("stopping: transactions may end, none begin"),
        }
        self.told_to_stop = true;
        self.waits_for_clients = false;
        self.tell_to_stop(grace);
    }

    fn tell_to_stop(&self, grace: Duration) {
        for mailbox in &self.mailboxes {
            mailbox.put(ToWorker::Command(Command::Stop { grace }));
        }
    }
}

/// Waits for the last client to leave, where that is waited for.
async fn deserted(logins: &LoginThreads, awaited: bool) {
    if !awaited {
        return std::future::pending().await;
    }
    while logins.house().admission.total() > 0 {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Prints the one line that scripts wait for: `ready listen=ADDRESS,… http=ADDRESS`, where HTTP is
/// `off` when it is not served.
///
/// # Errors
/// When standard output is closed.
pub fn announce(addresses: &[String], http: Option<SocketAddr>) -> Result<()> {
    let http = http.map_or_else(|| "off".to_owned(), |address| address.to_string());
    let mut out = std::io::stdout();
    writeln!(out, "ready listen={} http={http}", addresses.join(","))?;
    Ok(out.flush()?)
}

fn serve_http(settings: &Http, logins: &LoginThreads, shown: Shown) -> Result<SocketAddr> {
    let listener = logins.runtime().block_on(HttpListener::bind(settings))?;
    let address = listener.address();
    logins.runtime().spawn(listener.serve(shown, settings.clone()));
    Ok(address)
}

fn choose_driver(choice: DriverChoice) -> Result<Kind> {
    Kind::choose(choice).context(
        "cannot use io_uring (workers.driver = \"uring\"): the kernel lacks or forbids it; set \
         \"auto\" to use epoll instead",
    )
}

fn start_worker(
    (index, driver): (usize, Kind),
    settings: &Settings,
    mailbox: &Mailbox,
    logins: &LoginThreads,
    ends: &UnboundedSender<Result<()>>,
) -> Result<JoinHandle<()>> {
    let options = WorkerOptions {
        index,
        incidents: logins.house().incidents.clone(),
        seed: u64::from_ne_bytes(chance::bytes()?),
        workers: usize::from(settings.workers.count.max(1)),
        ledger: settings.ledger,
        driver,
        linger: LINGER,
    };
    let (mailbox, requests, ends) = (mailbox.clone(), logins.requests(), ends.clone());
    let doors = logins.doors();
    let run = move || {
        let ended = Worker::new(options, mailbox, requests)
            .and_then(|worker| worker.with_doors(doors))
            .and_then(Worker::run);
        // The receiver lives until all workers have ended.
        let _ = ends.send(ended);
    };
    std::thread::Builder::new()
        .name(format!("worker-{index}"))
        .spawn(run)
        .context("cannot start a worker thread")
}

/// Each client and server needs a descriptor; the soft limit is often only 1024.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "cannot raise the limit on open descriptors");
    }
}
