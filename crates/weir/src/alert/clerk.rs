//! One receiver's queue: takes messages, sends what is due, takes the verdict.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use weir_core::alert::{Message, Outbox, Settled, Verdict};
use weir_core::config::settings::Receiver;
use weir_core::time;

use super::courier::Courier;

/// Serves one receiver until it is dropped.
#[derive(Debug)]
pub struct Clerk {
    desk: Arc<Desk>,
    receiver: Receiver,
    task: JoinHandle<()>,
}

/// What the clerk and those who bring messages share. Both are on one thread: the lock is never
/// waited for.
#[derive(Debug)]
struct Desk {
    name: String,
    began: Instant,
    outbox: std::sync::Mutex<Outbox>,
    news: Notify,
}

impl Clerk {
    /// Starts to serve a receiver, within a runtime.
    #[must_use]
    pub fn hire(name: String, receiver: Receiver) -> Self {
        let outbox = Outbox::new(receiver.per_minute).into();
        Self::at(Desk { name, began: Instant::now(), outbox, news: Notify::new() }, receiver)
    }

    fn at(desk: Desk, receiver: Receiver) -> Self {
        let desk = Arc::new(desk);
        let task = tokio::spawn(serve(Arc::clone(&desk), receiver.clone()));
        Self { desk, receiver, task }
    }

    /// Serves the receiver as it is configured now. Nothing happens where that is as before; a
    /// file of certificates may have another content under the same name.
    #[must_use]
    pub fn serve_now(self, receiver: Receiver) -> Self {
        if receiver == self.receiver && receiver.ca.is_none() {
            return self;
        }
        self.task.abort();
        let (now, began) = (self.desk.now(), self.desk.began);
        let left = self.desk.with(|outbox| std::mem::replace(outbox, Outbox::new(1)));
        let outbox = left.handed_over(now, receiver.per_minute).into();
        let name = self.desk.name.clone();
        Self::at(Desk { name, began, outbox, news: Notify::new() }, receiver)
    }

    /// Lets everything that waits be tried at once, and once.
    pub fn hurry(&self) {
        let now = self.desk.now();
        self.desk.with(|outbox| outbox.hurry(now));
        self.desk.news.notify_one();
    }

    /// Waits for the last message of one who was hurried, and says what was not sent by then.
    pub async fn finish(mut self, by: tokio::time::Instant) {
        // Whether it came to its end or to the limit: what counts is what is left.
        let _ = tokio::time::timeout_at(by, &mut self.task).await;
        self.dismiss();
    }

    /// Ends, and says what was not sent.
    pub fn dismiss(self) {
        let left = self.desk.with(|outbox| outbox.unsent());
        if left > 0 {
            let name = &self.desk.name;
            tracing::error!(receiver = %name, messages = left, "alerts were not sent");
        }
    }

    /// Takes a message.
    pub fn tell(&self, message: Message) {
        let now = self.desk.now();
        let dropped = self.desk.with(|outbox| {
            let before = outbox.dropped();
            outbox.push(now, message);
            outbox.dropped() > before
        });
        if dropped {
            let name = &self.desk.name;
            tracing::error!(receiver = %name, "too many alerts wait: the oldest is dropped");
        }
        self.desk.news.notify_one();
    }
}

impl Drop for Clerk {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Desk {
    fn now(&self) -> time::Instant {
        let nanos = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        time::Instant::from_nanos(nanos)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Outbox) -> T) -> T {
        // A clerk that panicked has left a whole outbox: every step of it is complete.
        work(&mut self.outbox.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

async fn serve(desk: Arc<Desk>, receiver: Receiver) {
    let courier = match Courier::new(&receiver) {
        Ok(courier) => courier,
        Err(why) => {
            tracing::error!(receiver = %desk.name, "no alerts are sent here: {why:#}");
            return;
        }
    };
    loop {
        let now = desk.now();
        match desk.with(|outbox| outbox.next(now)) {
            Some(message) => {
                let verdict = courier.deliver(&message).await;
                let now = desk.now();
                let settled = desk.with(|outbox| outbox.settle(now, &verdict));
                say(&desk.name, &verdict, settled);
            }
            None if desk.with(|outbox| outbox.is_finished()) => return,
            None => rest(&desk).await,
        }
    }
}

/// Until the next message is due, or something new comes.
async fn rest(desk: &Desk) {
    let due = desk.with(|outbox| outbox.due_at());
    let pause = due.map(|due| due.since(desk.now()));
    tokio::select! {
        () = desk.news.notified() => {}
        () = async {
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => std::future::pending().await,
            }
        } => {}
    }
}

fn say(name: &str, verdict: &Verdict, settled: Settled) {
    let why = match verdict {
        Verdict::Delivered => return tracing::debug!(receiver = %name, "alert delivered"),
        Verdict::Failed { why, .. } | Verdict::Refused { why } => why,
    };
    match settled {
        Settled::Again(wait) => {
            tracing::warn!(receiver = %name, again_s = wait.as_secs(), "alert not delivered: {why}");
        }
        Settled::Delivered | Settled::GivenUp => {
            tracing::error!(receiver = %name, "alert given up: {why}");
        }
    }
}
