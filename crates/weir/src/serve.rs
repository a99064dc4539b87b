//! `weir up`: starts the threads, tells when it serves, and waits for signals.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use weir_core::config::choices::DriverChoice;
use weir_core::config::settings::Settings;

use crate::proxy::chance;
use crate::proxy::mail::{Command, Mailbox, ToWorker};
use crate::proxy::threads::LoginThreads;
use crate::proxy::worker::{Worker, WorkerOptions};
use crate::state_dir::StateDir;

/// How long a closed client may take to read what it was told.
const LINGER: Duration = Duration::from_secs(5);

/// A running proxy.
pub struct Proxy {
    logins: Arc<LoginThreads>,
    mailboxes: Vec<Mailbox>,
    threads: Vec<JoinHandle<()>>,
    ended: UnboundedReceiver<Result<()>>,
    _state: Option<StateDir>,
}

impl Proxy {
    /// Binds the addresses and starts all threads.
    ///
    /// # Errors
    /// When the state directory is not ours, an address cannot be bound, TLS cannot be set up, or a thread cannot be started.
    pub fn start(settings: &Settings) -> Result<Self> {
        let state = settings.state_dir.as_ref().map(|dir| StateDir::claim(Path::new(dir)));
        let state = state.transpose()?;
        raise_descriptor_limit();
        let count = usize::from(settings.workers.count.max(1));
        let mailboxes: Vec<Mailbox> =
            (0..count).map(|_| Mailbox::new()).collect::<Result<_, _>>()?;
        let logins = Arc::new(LoginThreads::start(settings.clone(), mailboxes.clone())?);
        match settings.workers.driver {
            DriverChoice::Auto | DriverChoice::Epoll => {
                tracing::info!(workers = count, "the event loop is epoll");
            }
        }
        let (ends, ended) = unbounded_channel();
        let threads = mailboxes
            .iter()
            .enumerate()
            .map(|(index, mailbox)| start_worker(index, settings, mailbox, &logins, &ends))
            .collect::<Result<_>>()?;
        Ok(Self { logins, mailboxes, threads, ended, _state: state })
    }

    /// The addresses clients connect to.
    #[must_use]
    pub fn addresses(&self) -> &[String] {
        self.logins.addresses()
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

    /// Serves until a signal says to stop: SIGTERM and SIGINT let transactions end (a second one
    /// does not wait), SIGHUP reads the configuration again by `reload`.
    ///
    /// # Errors
    /// When a worker ended by itself, which is a bug.
    pub fn serve(
        mut self,
        grace: Duration,
        mut reload: impl FnMut() -> Option<Settings>,
    ) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut stop = Stops::new()?;
            let mut hangup = signal(SignalKind::hangup())?;
            loop {
                tokio::select! {
                    () = stop.next() => break,
                    _ = hangup.recv() => self.reload(reload()),
                    ended = self.ended.recv() => {
                        ended.context("the workers are gone")??;
                        bail!("a worker ended by itself");
                    }
                }
            }
            tracing::info!("stopping: transactions may end, none begin");
            self.logins.refuse_new();
            self.tell_to_stop(grace);
            for _ in 0..self.mailboxes.len() {
                tokio::select! {
                    ended = self.ended.recv() => ended.context("the workers are gone")??,
                    () = stop.next() => self.tell_to_stop(Duration::ZERO),
                }
            }
            Ok(())
        })?;
        for thread in self.threads {
            let _ = thread.join();
        }
        Ok(())
    }

    fn reload(&self, settings: Option<Settings>) {
        let Some(settings) = settings else { return };
        match self.logins.reload(settings) {
            Ok(()) => tracing::info!("configuration reloaded"),
            Err(error) => tracing::error!("reload refused, the old configuration stays: {error:#}"),
        }
    }

    fn tell_to_stop(&self, grace: Duration) {
        for mailbox in &self.mailboxes {
            mailbox.put(ToWorker::Command(Command::Stop { grace }));
        }
    }
}

/// Prints the one line that scripts wait for.
///
/// # Errors
/// When standard output is closed.
pub fn announce(addresses: &[String], http: &str) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "ready listen={} http={http}", addresses.join(","))?;
    Ok(out.flush()?)
}

/// The signals that stop the process.
struct Stops {
    term: Signal,
    int: Signal,
}

impl Stops {
    fn new() -> Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

fn start_worker(
    index: usize,
    settings: &Settings,
    mailbox: &Mailbox,
    logins: &LoginThreads,
    ends: &UnboundedSender<Result<()>>,
) -> Result<JoinHandle<()>> {
    let options = WorkerOptions {
        index,
        seed: u64::from_ne_bytes(chance::bytes()?),
        workers: usize::from(settings.workers.count.max(1)),
        linger: LINGER,
    };
    let (mailbox, requests, ends) = (mailbox.clone(), logins.requests(), ends.clone());
    let run = move || {
        let ended = Worker::new(options, mailbox, requests).and_then(Worker::run);
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
