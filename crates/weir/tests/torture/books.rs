//! Looks into the ledger again and again while something goes on: the law holds at each moment, and
//! every connection is in the phase it should be in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use weir_testkit::Session;

use crate::stage::Stage;

/// Between two looks: more of them would take the processors from what is looked at.
const PAUSE: Duration = Duration::from_millis(10);

/// What is 0 at every moment.
pub(crate) const ZEROS: [&str; 2] = ["drift_ns", "misbooked"];

/// Somebody who looks until it is told to stop.
#[derive(Debug)]
pub(crate) struct Books {
    over: Arc<AtomicBool>,
    looker: JoinHandle<u64>,
}

impl Books {
    /// Begins to look.
    pub(crate) fn watch(stage: &Stage) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let mut console = Session::tcp(stage.port(), "postgres", "weir").unwrap();
        let told = Arc::clone(&over);
        let looker = std::thread::spawn(move || {
            let mut looks = 0;
            while looks == 0 || !told.load(Ordering::Relaxed) {
                check(&mut console);
                looks += 1;
                std::thread::sleep(PAUSE);
            }
            looks
        });
        Self { over, looker }
    }

    /// Ends, and fails where something was wrong at any look. Returns how many there were.
    pub(crate) fn close(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        self.looker.join().unwrap()
    }
}

/// One look.
pub(crate) fn check(console: &mut Session) {
    let items = console.query("SHOW LEDGER").unwrap();
    for item in ZEROS {
        let row = items.iter().find(|row| row[0].as_deref() == Some(item)).unwrap();
        assert_eq!(row[1].as_deref(), Some("0"), "{item} of the ledger");
    }
}
