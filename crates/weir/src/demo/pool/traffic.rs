//! Client threads with three kinds of work, as a shop has them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use weir_core::ledger::Histogram;
use weir_testkit::Session;

/// Tables that the work needs.
pub(super) const SCHEMA: &str = "\
    CREATE TABLE orders (id bigserial PRIMARY KEY, customer int NOT NULL, amount numeric NOT NULL);\
    INSERT INTO orders (customer, amount) \
    SELECT g % 500, (g % 977) / 10.0 FROM generate_series(1, 20000) g;\
    CREATE INDEX ON orders (customer);";

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One look-up.
    LookUp,
    /// A transaction of three statements.
    Order,
    /// A sum over all orders, and a setting of the session.
    Report,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::LookUp, Self::Order, Self::Report];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::LookUp => "look-up",
            Self::Order => "order (3 statements)",
            Self::Report => "report",
        }
    }
}

/// What the clients of one kind saw.
#[derive(Debug, Default, Clone)]
pub(super) struct Seen {
    pub(super) times: Histogram,
    pub(super) wrong: u64,
}

/// Running client threads.
pub(super) struct Traffic {
    stop: Arc<AtomicBool>,
    failures: Arc<AtomicU64>,
    threads: Vec<(Kind, JoinHandle<Result<Seen>>)>,
}

impl Traffic {
    pub(super) fn start(clients: usize, port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let failures = Arc::new(AtomicU64::new(0));
        let threads = (0..clients).map(|number| {
            let kind = kind_of(number);
            let (stop, failures) = (Arc::clone(&stop), Arc::clone(&failures));
            let run = move || {
                let seen = client(number, kind, port, &stop);
                failures.fetch_add(u64::from(seen.is_err()), Ordering::Relaxed);
                seen
            };
            (kind, std::thread::spawn(run))
        });
        let threads = threads.collect();
        Self { stop, failures, threads }
    }

    /// All clients have given up.
    pub(super) fn failed(&self) -> bool {
        self.failures.load(Ordering::Relaxed) == self.threads.len() as u64
    }

    /// Ends the work; returns what was seen of each kind, and the first error if there was one.
    pub(super) fn stop(self) -> Outcome {
        self.stop.store(true, Ordering::Relaxed);
        let mut outcome = Outcome::default();
        for (kind, thread) in self.threads {
            match thread.join() {
                Ok(Ok(seen)) => outcome.add(kind, &seen),
                Ok(Err(error)) => outcome.fail(format!("{error:#}")),
                Err(_) => outcome.fail("a client thread ended by itself".into()),
            }
        }
        outcome
    }
}

/// What all clients saw.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    seen: [Seen; 3],
    pub(super) errors: u64,
    pub(super) first_error: Option<String>,
}

impl Outcome {
    pub(super) fn of(&self, kind: Kind) -> &Seen {
        &self.seen[kind as usize]
    }

    fn add(&mut self, kind: Kind, seen: &Seen) {
        let all = &mut self.seen[kind as usize];
        all.times.add(&seen.times);
        all.wrong += seen.wrong;
    }

    fn fail(&mut self, error: String) {
        self.errors += 1;
        self.first_error.get_or_insert(error);
    }
}

/// Of ten clients six look up, three order, one reports.
fn kind_of(number: usize) -> Kind {
    match number % 10 {
        0..6 => Kind::LookUp,
        6..9 => Kind::Order,
        _ => Kind::Report,
    }
}

fn client(number: usize, kind: Kind, port: u16, stop: &AtomicBool) -> Result<Seen> {
    let mut session = Session::tcp(port, super::USER, super::USER)?;
    // Each client has a setting of its own: through a pool it must keep it, and nobody else's.
    let name = format!("client-{number}");
    session.query(&format!("SET application_name = '{name}'"))?;
    let mut seen = Seen::default();
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let right = work(&mut session, kind, number)?;
        seen.times.record(began.elapsed());
        let own = session.value("SHOW application_name")? == name;
        seen.wrong += u64::from(!right || !own);
        // Between two requests the application does something else.
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(seen)
}

/// Does the work once; returns whether the answer was right.
fn work(session: &mut Session, kind: Kind, number: usize) -> Result<bool> {
    let customer = number % 500;
    match kind {
        Kind::LookUp => {
            let count = format!("SELECT count(*) FROM orders WHERE customer = {customer}");
            Ok(session.value(&count)?.parse::<u64>().context("a count")? >= 40)
        }
        Kind::Order => {
            session.query("BEGIN")?;
            let insert = format!(
                "INSERT INTO orders (customer, amount) VALUES ({customer}, 1.5) RETURNING customer"
            );
            let told = session.value(&insert)?;
            session.query("COMMIT")?;
            Ok(told == customer.to_string())
        }
        Kind::Report => {
            let sum = session.value("SELECT sum(amount) > 0 FROM orders")?;
            Ok(sum == "t")
        }
    }
}
