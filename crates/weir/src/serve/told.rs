//! What a running process is told: by signals, and by administrators on the console.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use weir_core::console::Shutdown;

use crate::proxy::console::Order;

/// What the process is told.
pub(super) enum Event {
    Stop(Shutdown),
    Reload(Option<oneshot::Sender<Result<(), String>>>),
}

impl From<Order> for Event {
    fn from(order: Order) -> Self {
        match order {
            Order::Stop(how) => Self::Stop(how),
            Order::Reload(answer) => Self::Reload(Some(answer)),
        }
    }
}

/// The signals that tell the process something.
pub(super) struct Signals {
    term: Signal,
    int: Signal,
    hangup: Signal,
}

impl Signals {
    /// Listens to them from now on.
    ///
    /// # Errors
    /// When the kernel or the runtime refuses.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Event {
        tokio::select! {
            _ = self.term.recv() => Event::Stop(Shutdown::WaitForServers),
            _ = self.int.recv() => Event::Stop(Shutdown::WaitForServers),
            _ = self.hangup.recv() => Event::Reload(None),
        }
    }
}
