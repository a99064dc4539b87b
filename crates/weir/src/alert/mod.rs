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

use anyhow::{Context, Result};
use tokio::sync::mpsc::{Receiver, Sender, channel, error::TrySendError};
use weir_core::alert::Message;
use weir_core::config::limits::ALERTS_QUEUED;
use weir_core::config::settings::{self, Settings};

pub use courier::Courier;
pub(crate) use web::Web;

/// What the thread is told.
enum Order {
    Tell(Box<Message>),
    Receivers(BTreeMap<String, settings::Receiver>),
}

/// Tells receivers, from a thread of its own that ends with this.
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
        let (orders, ordered) = channel(ALERTS_QUEUED);
        let receivers = settings.receivers.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new()
            .name("weir-alerts".into())
            .spawn(move || {
                runtime.block_on(run(ordered, receivers));
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

    /// Takes the receivers of another configuration. What those before had waiting is not sent.
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
async fn run(mut ordered: Receiver<Order>, receivers: BTreeMap<String, settings::Receiver>) {
    let mut clerks = hire(receivers);
    while let Some(order) = ordered.recv().await {
        match order {
            Order::Receivers(receivers) => clerks = hire(receivers),
            Order::Tell(message) => {
                for clerk in &clerks {
                    clerk.tell(*message.clone());
                }
            }
        }
    }
}

fn hire(receivers: BTreeMap<String, settings::Receiver>) -> Vec<clerk::Clerk> {
    receivers.into_iter().map(|(name, receiver)| clerk::Clerk::hire(name, receiver)).collect()
}

#[cfg(test)]
mod tests;
