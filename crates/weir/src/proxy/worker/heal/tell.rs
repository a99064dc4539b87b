//! What the healing ladder does, in the log and for the console.

use std::sync::Arc;
use std::time::Duration;

use weir_core::console::{ActionRow, CapRow, HealingSnapshot, WardRow};
use weir_core::healing::{Mode, News, Origin, Record, Step, Verdict};
use weir_core::ids::PoolId;
use weir_core::incident::{Action, Effect, Note};

use crate::proxy::worker::Worker;

impl Worker {
    pub(super) fn tell_news(&mut self) {
        while let Some(news) = self.healing.healer.poll_news() {
            match news {
                News::Recorded(record) => {
                    log(&record);
                    self.note(Action::of(&record).map(|action| Note::Action(Box::new(action))));
                }
                News::Measured(record) => {
                    log_effect(&record);
                    self.note(Action::of(&record).and(Effect::of(&record)).map(Note::Effect));
                }
                News::BreakerOpened => tracing::error!(
                    severity = "critical",
                    "the healing ladder stops: the last actions did not help. Look at SHOW \
                     ACTIONS; UNFREEZE on the console lets it go on"
                ),
            }
        }
        let since = self.now.since(self.healing.summed_up);
        if self.summary_every().is_some_and(|every| since >= every) {
            self.healing.summed_up = self.now;
            self.sum_up();
        }
    }

    /// How often the log has the summary: all pools of one configuration say the same.
    fn summary_every(&self) -> Option<Duration> {
        let home = |pool: &PoolId| &self.homes[pool.0 as usize];
        self.by_key.values().filter_map(|pool| home(pool).target.care.summary_every).min()
    }

    /// Tells incidents.
    fn note(&self, note: Option<Note>) {
        if let Some(note) = note {
            self.options.incidents.note(note);
        }
    }

    /// Tells the log what the last seven days had.
    fn sum_up(&self) {
        for (step, how, sum) in self.healing.healer.week(self.now).iter() {
            if sum.count > 0 {
                let (step, outcome, told) = (step.as_str(), how.as_str(), sum.told(how));
                tracing::info!(step, outcome, "healing, seven days: {told}");
            }
        }
    }

    /// What the console and the metrics ask; lines only where they are asked for.
    pub(in crate::proxy::worker) fn healing_snapshot(&self, lines: bool) -> HealingSnapshot {
        let healer = &self.healing.healer;
        let wards = self.healing.door.wards();
        let mut seen = HealingSnapshot {
            frozen: u32::from(self.healing.is_frozen()),
            breakers: u32::from(healer.guard.is_open()),
            quarantined: u32::try_from(wards.len()).unwrap_or(u32::MAX),
            total: *healer.total(),
            week: healer.week(self.now),
            ..HealingSnapshot::default()
        };
        if lines {
            seen.actions = healer.records().map(|record| self.action_row(record)).collect();
            seen.wards = wards
                .iter()
                .map(|ward| WardRow {
                    ward: ward.clone(),
                    database: ward.pool.map(|pool| self.names(pool).0),
                    since: self.now.since(ward.since),
                    next: ward.state.until().since(self.now),
                })
                .collect();
            seen.caps = self.by_key.values().flat_map(|&pool| self.cap_rows(pool)).collect();
            seen.exempted = self.healing.exempted.iter().cloned().collect();
        }
        seen
    }

    fn action_row(&self, record: &Record) -> ActionRow {
        let (database, pool_user) = self.names(record.pool);
        let ago = self.now.since(record.at);
        ActionRow { record: record.clone(), ago, database, pool_user }
    }

    fn cap_rows(&self, pool: PoolId) -> Vec<CapRow> {
        let limited = self.pools.classes(pool).filter(|class| {
            class.limit.is_some() || class.cap.is_some() || class.deadline.is_some()
        });
        let ladder = &self.homes[pool.0 as usize].target.healing.ladder;
        let row = |view: weir_core::dispatch::ClassView| {
            let (database, pool_user) = self.names(pool);
            let route = self.class_label(&view);
            let enforced = ladder.mode(&route, Step::Cap) == Mode::Enforce;
            CapRow { database, pool_user, route, view, enforced }
        };
        limited.map(row).collect()
    }

    /// The database and user of a pool.
    fn names(&self, pool: PoolId) -> (Arc<str>, Arc<str>) {
        let key = self.homes.get(pool.0 as usize).map(|home| &home.key);
        key.map(|key| (Arc::clone(&key.database), Arc::clone(&key.user))).unwrap_or_default()
    }
}

fn log(record: &Record) {
    let (number, step) = (record.number, record.step.as_str());
    let (target, why) = (record.target(), &record.why);
    match (record.verdict, record.origin) {
        (Verdict::Done | Verdict::Only(Mode::Enforce), Origin::Healer) => {
            tracing::warn!(number, step, %target, "healing: {why}");
        }
        (Verdict::Done | Verdict::Only(_), Origin::Operator) => {
            tracing::warn!(number, step, %target, "healing, by an operator: {why}");
        }
        (Verdict::Only(Mode::Warn), Origin::Healer) => {
            tracing::warn!(number, step, %target, "healing would act, but only warns: {why}");
        }
        (Verdict::Only(Mode::Observe), Origin::Healer) => {
            tracing::debug!(number, step, %target, "healing would act, but only observes: {why}");
        }
        (Verdict::Withheld(brake), _) => {
            let brake = brake.as_str();
            tracing::warn!(number, step, %target, brake, "healing is held back: {why}");
        }
    }
}

fn log_effect(record: &Record) {
    let Some(effect) = record.effect.filter(|_| record.verdict == Verdict::Done) else { return };
    tracing::info!(
        number = record.number,
        step = record.step.as_str(),
        helped = effect.helped,
        "healing: {} clients waited before, {} were expected to, {} do a second later",
        record.prediction.waiting,
        record.prediction.waiting_after,
        effect.waiting
    );
}
