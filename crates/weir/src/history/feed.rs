//! Asks the workers at the end of each stretch, and hands what it came to to the keeper.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use weir_core::incident::Wall;
use weir_core::ledger::Summarizer;

use super::keeper::Keeper;
use super::{InMemory, wall};
use crate::proxy::console;
use crate::proxy::mail::Detail;
use crate::proxy::threads::House;

/// What the task owns.
pub(super) struct Feed {
    pub(super) house: Arc<House>,
    pub(super) keeper: Keeper,
    pub(super) kept: Arc<InMemory>,
    pub(super) every: Duration,
}

impl Feed {
    /// Keeps stretches, from `start` until the process ends; the one under way also when it is
    /// told to.
    pub(super) async fn run(self, start: Wall, mut flushes: mpsc::Receiver<oneshot::Sender<()>>) {
        let Self { house, mut keeper, kept, every } = self;
        let mut summarizer = Summarizer::new(start);
        let mut ticks = interval_at(Instant::now() + every, every);
        // After a wait for the disk the next stretch is longer; there is nothing to catch up.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                _ = ticks.tick() => None,
                done = flushes.recv() => match done {
                    Some(done) => Some(done),
                    None => return,
                },
            };
            match console::snapshot(&house, Detail::History).await {
                Ok(snapshot) => {
                    let summary = summarizer.note(wall(), &snapshot);
                    let keeping = move || {
                        keeper.keep(summary);
                        keeper
                    };
                    match spawn_blocking(keeping).await {
                        Ok(returned) => keeper = returned,
                        // The process ends.
                        Err(_) => return,
                    }
                    kept.replace(keeper.in_memory());
                }
                // What was missed is in the next stretch.
                Err(stuck) => tracing::error!("the ledger's history has to wait: {stuck}"),
            }
            if let Some(done) = done {
                // Whoever waited may have given up.
                let _ = done.send(());
            }
        }
    }
}
