//! Worker threads of several processes, and the connection each one keeps.
//!
//! As Django does it: a thread opens its connection on its first query and keeps it for
//! `connection_age_s`, looked at only between requests. So the connections open are the threads
//! ever busy at once, not the connections in use, and no process knows of the others'.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::database;
use crate::error::ApiError;
use crate::settings::Settings;

/// All processes of the service.
pub(crate) struct Workers {
    processes: Vec<Arc<Process>>,
    next: AtomicUsize,
    keeping: Keeping,
}

/// A worker thread while it serves a request. Goes back to its process when dropped.
pub(crate) struct Worker {
    // None only in drop.
    thread: Option<Thread>,
    process: Arc<Process>,
    keeping: Keeping,
    _busy: OwnedSemaphorePermit,
}

struct Process {
    /// One permit for each thread; waiters are first come, first served.
    free: Arc<Semaphore>,
    /// Threads that were started and are free; the longest idle first, as a work queue gives them.
    idle: Mutex<VecDeque<Thread>>,
    waiting: AtomicUsize,
    backlog: usize,
}

#[derive(Default)]
struct Thread {
    connection: Option<Kept>,
}

struct Kept {
    connection: PgConnection,
    opened: Instant,
    checked: bool,
}

/// How threads connect and how long they keep.
#[derive(Clone)]
struct Keeping {
    options: PgConnectOptions,
    connect_limit: Duration,
    age_max: Duration,
    check: bool,
}

impl Workers {
    /// Threads as the settings say, none of them connected.
    ///
    /// # Errors
    /// A database URL that cannot be read.
    pub(crate) fn new(settings: &Settings) -> anyhow::Result<Self> {
        let process = || {
            Arc::new(Process {
                free: Arc::new(Semaphore::new(settings.threads)),
                idle: Mutex::default(),
                waiting: AtomicUsize::new(0),
                backlog: settings.backlog,
            })
        };
        Ok(Self {
            processes: (0..settings.processes).map(|_| process()).collect(),
            next: AtomicUsize::new(0),
            keeping: Keeping {
                // KEPT: no limit on statements, locks or idle transactions.
                options: database::options_without_limits(settings)?,
                connect_limit: Duration::from_millis(settings.connect_limit_ms),
                age_max: Duration::from_secs(settings.connection_age_s),
                check: settings.check_before_reuse,
            },
        })
    }

    /// Waits for a thread of the process whose turn it is: the balancer does not know which of
    /// them are busy.
    ///
    /// # Errors
    /// 503 when that process's backlog is full.
    pub(crate) async fn enter(&self) -> Result<Worker, ApiError> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.processes.len();
        let process = self.processes[turn].clone();
        let busy = process.clone().permit().await?;
        let mut thread = process.idle().pop_front().unwrap_or_default();
        thread.close_if_old(self.keeping.age_max);
        Ok(Worker { thread: Some(thread), process, keeping: self.keeping.clone(), _busy: busy })
    }
}

impl Worker {
    /// The thread's connection, opened if it has none, tested once a request if it is to be.
    ///
    /// # Errors
    /// What the server says, for example that it has too many clients already.
    pub(crate) async fn connection(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        let Some(thread) = &mut self.thread else { unreachable!("the thread leaves only in drop") };
        if let Some(kept) = &mut thread.connection
            && self.keeping.check
            && !kept.checked
        {
            match sqlx::raw_sql("SELECT 1").execute(&mut kept.connection).await {
                Ok(_) => kept.checked = true,
                Err(_) => thread.connection = None,
            }
        }
        if thread.connection.is_none() {
            let connection = self.keeping.connect().await?;
            thread.connection = Some(Kept { connection, opened: Instant::now(), checked: true });
        }
        match &mut thread.connection {
            Some(kept) => Ok(&mut kept.connection),
            None => unreachable!("opened above"),
        }
    }

    /// Forgets the connection: an error left it in a state nobody knows.
    pub(crate) async fn discard(&mut self) {
        if let Some(kept) = self.thread.as_mut().and_then(|thread| thread.connection.take()) {
            let _ = kept.connection.close().await;
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(mut thread) = self.thread.take() {
            if let Some(kept) = &mut thread.connection {
                kept.checked = false;
            }
            self.process.idle().push_back(thread);
        }
    }
}

impl Process {
    async fn permit(self: Arc<Self>) -> Result<OwnedSemaphorePermit, ApiError> {
        let full = || {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            ApiError::new(
                status,
                "backlog_full",
                "all worker threads are busy and the queue is full",
            )
        };
        if self.waiting.fetch_add(1, Ordering::SeqCst) >= self.backlog {
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            return Err(full());
        }
        let permit = self.free.clone().acquire_owned().await;
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        permit.map_err(|_| full())
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, VecDeque<Thread>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Thread {
    fn close_if_old(&mut self, age_max: Duration) {
        if self.connection.as_ref().is_some_and(|kept| kept.opened.elapsed() >= age_max) {
            self.connection = None;
        }
    }
}

impl Keeping {
    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        match tokio::time::timeout(self.connect_limit, self.options.connect()).await {
            Ok(connected) => connected,
            Err(_) => {
                let message = format!("no connection within {:?}", self.connect_limit);
                Err(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, message)))
            }
        }
    }
}
