//! Records on disk and in memory, and the thread as a whole.

mod crash;
mod keep;
mod whole;

use std::time::Duration;

use weir_core::diagnosis::{Cause, Culprit, Finding, Severity};
use weir_core::incident::{IncidentDesk, Moment, Record, Rules, Signals, Wall};
use weir_core::time::Instant;

fn finding() -> Finding {
    let culprit = Culprit { route: Some("bulk".into()), ..Culprit::default() };
    Finding::new(Cause::WaitsOnApplication, Severity::Critical, "40 of 40 wait").culprit(culprit)
}

/// A desk over virtual time that lets a script happen: `x` is trouble, `.` is none.
struct Script {
    desk: IncidentDesk,
    signals: Signals,
    second: u64,
}

impl Script {
    fn new(seed: u64) -> Self {
        let rules = Rules {
            calm: Duration::from_secs(1),
            quiet: Duration::from_secs(2),
            reopen: Duration::ZERO,
            ..Rules::default()
        };
        Self { desk: IncidentDesk::new(rules, seed), signals: Signals::default(), second: 0 }
    }

    fn play(&mut self, script: &str) -> Vec<Record> {
        script.chars().flat_map(|seen| self.second(seen == 'x')).collect()
    }

    fn second(&mut self, trouble: bool) -> Vec<Record> {
        self.second += 1;
        self.signals.requests_total += 100;
        self.signals.refused_total += if trouble { 40 } else { 0 };
        let now = Moment {
            mono: Instant::from_millis(self.second * 1000),
            wall: Wall(1_718_964_900_000 + self.second * 1000),
        };
        let one = finding();
        let findings = if trouble { std::slice::from_ref(&one) } else { &[] };
        self.desk.observe(now, findings, &self.signals)
    }
}
