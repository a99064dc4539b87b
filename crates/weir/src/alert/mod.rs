//! Tells people: a thread of its own, a queue for each receiver. Nobody who has something to say
//! ever waits, and a receiver that is dead hinders no other.
//!
//! | file | job |
//! | --- | --- |
//! | `clerk` | one receiver's queue, from message to verdict |
//! | `courier` | sends one message, over HTTP or mail |
//! | `web`, `mail` | the two ways |
//! | `command` | `weir alert test` |

pub mod clerk;
pub mod command;
mod courier;
mod mail;
mod web;

use std::collections::BTreeMap;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::mpsc::{Receiver, Sender, channel, error::TrySendError};
use weir_core::alert::Message;
use weir_core::config::limits::ALERTS_QUEUED;
use weir_core::config::settings::{self, Settings};

use clerk::Clerk;
pub use courier::Courier;
pub(crate) use web::Web;

/// Clerks by the names of their receivers.
type Clerks = BTreeMap<String, Clerk>;

/// What the thread is told.
enum Order {
    Tell(Box<Message>),
    Receivers(BTreeMap<String, settings::Receiver>),
}

/// How long the end waits for what is still to be sent, in all.
const END_MAX: Duration = Duration::from_secs(5);

/// Tells receivers, from a thread of its own that ends with this: each message that waits is tried
/// once more, for 5 s at most, and the log says what was not sent.
#[derive(Debug)]
pub struct Alerts {
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Alerts {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(settings: &Settings) -> Result<Self> {
        Self::ending_within(END_MAX, settings)
    }

    /// The same with another limit of the end.
    fn ending_within(end_max: Duration, settings: &Settings) -> Result<Self> {
        let (orders, ordered) = channel(ALERTS_QUEUED);
        let receivers = settings.receivers.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new()
            .name("weir-alerts".into())
            .spawn(move || {
                runtime.block_on(run(ordered, receivers, end_max));
                // A name that is being looked up is not waited for.
                runtime.shutdown_background();
            })
            .context("cannot start the thread that sends alerts")?;
        Ok(Self { orders: Some(orders), thread: Some(thread) })
    }

    /// Tells every receiver. Does not wait.
    pub fn tell(&self, message: Message) {
        self.order(Order::Tell(Box::new(message)));
    }

    /// Takes the receivers of another configuration. What waits for one that is still there is
    /// sent; the log says of how many messages that is not so.
    pub fn reload(&self, settings: &Settings) {
        self.order(Order::Receivers(settings.receivers.clone()));
    }

    fn order(&self, order: Order) {
        match self.orders.as_ref().map(|orders| orders.try_send(order)) {
            Some(Ok(())) | None => {}
            Some(Err(TrySendError::Full(_) | TrySendError::Closed(_))) => {
                tracing::error!(
                    "a message to the receivers of alerts is lost: their thread is busy"
                );
            }
        }
    }
}

impl Drop for Alerts {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Hands every message to each receiver's clerk.
async fn run(
    mut ordered: Receiver<Order>,
    receivers: BTreeMap<String, settings::Receiver>,
    end_max: Duration,
) {
    let mut clerks = hire(Clerks::new(), receivers);
    while let Some(order) = ordered.recv().await {
        match order {
            Order::Receivers(receivers) => clerks = hire(clerks, receivers),
            Order::Tell(message) => {
                for clerk in clerks.values() {
                    clerk.tell(*message.clone());
                }
            }
        }
    }
    let by = tokio::time::Instant::now() + end_max;
    clerks.values().for_each(Clerk::hurry);
    for clerk in clerks.into_values() {
        clerk.finish(by).await;
    }
}

/// A clerk for each receiver, who goes on where the one before left off.
fn hire(mut before: Clerks, receivers: BTreeMap<String, settings::Receiver>) -> Clerks {
    let one = |(name, receiver): (String, settings::Receiver)| {
        let clerk = match before.remove(&name) {
            Some(clerk) => clerk.serve_now(receiver),
            None => Clerk::hire(name.clone(), receiver),
        };
        (name, clerk)
    };
    let after = receivers.into_iter().map(one).collect();
    before.into_values().for_each(Clerk::dismiss);
    after
}

#[cfg(test)]
mod tests;
