//! Traffic that goes on beside a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use weir_testkit::Session;

use crate::stage::{Stage, Underway, beside};

/// Clients that do the same again and again, whatever comes of it, until they are told to stop.
pub(crate) struct Load {
    over: Arc<AtomicBool>,
    clients: Vec<Underway<()>>,
}

impl Load {
    pub(crate) fn new() -> Self {
        Self { over: Arc::default(), clients: Vec::new() }
    }

    /// So many more of them.
    pub(crate) fn add(
        &mut self,
        stage: &Stage,
        count: usize,
        act: impl Fn(&mut Session) -> anyhow::Result<()> + Clone + Send + 'static,
    ) {
        for _ in 0..count {
            let (mut client, over, act) = (stage.client(), Arc::clone(&self.over), act.clone());
            self.clients.push(beside(move || {
                while !over.load(Ordering::Relaxed) {
                    if act(&mut client).is_err() {
                        // What was refused may have left a transaction.
                        let _ = client.query("ROLLBACK");
                    }
                }
            }));
        }
    }

    /// Waits until all have done what they do for the last time.
    pub(crate) fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        self.clients.into_iter().for_each(Underway::end);
    }
}
