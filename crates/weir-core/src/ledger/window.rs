//! What happened lately: differences between snapshots, second by second for 15 minutes, then in
//! stretches of ten seconds for a day.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::class::{ClassKind, ClassSums};
use super::phase::PhaseTimes;
use super::snapshot::LedgerSnapshot;
use crate::config::limits::{
    LEDGER_SECOND_CLASSES, LEDGER_SECONDS, LEDGER_TEN_CLASSES, LEDGER_TENS,
};
use crate::time::Instant;

/// One stretch of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its end.
    pub at: Instant,
    /// Its length.
    pub span: Duration,
    /// Time of all server connections in it.
    pub times: PhaseTimes,
    /// Slots there were at its end.
    pub slots: u32,
    /// Clients that waited at its end.
    pub waiting: u32,
    /// The classes with most time, and `other` for the rest.
    pub classes: Vec<FrameClass>,
}

/// What one class did in a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameClass {
    /// Its name.
    pub label: Arc<str>,
    /// Where the name comes from.
    pub kind: ClassKind,
    /// What it did.
    pub sums: ClassSums,
}

impl Frame {
    /// Both together, with at most so many classes by name.
    fn plus(mut self, other: &Self, classes_max: usize) -> Self {
        self.at = self.at.max(other.at);
        self.span += other.span;
        self.times += &other.times;
        self.slots = self.slots.max(other.slots);
        self.waiting = self.waiting.max(other.waiting);
        for class in &other.classes {
            match self.classes.iter_mut().find(|known| known.is_same(class)) {
                Some(known) => known.sums = known.sums.plus(&class.sums),
                None => self.classes.push(class.clone()),
            }
        }
        keep_longest(&mut self.classes, classes_max);
        self
    }

    /// Slots that somebody had, on average.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an average")]
    pub fn held(&self) -> f64 {
        let span = self.span.as_nanos();
        if span == 0 { 0.0 } else { self.times.held() as f64 / span as f64 }
    }
}

impl FrameClass {
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind && self.label == other.label
    }
}

/// Puts the classes with most time first, and sums those behind the first so many up as `other`.
pub(super) fn keep_longest(classes: &mut Vec<FrameClass>, max: usize) {
    let weight = |class: &FrameClass| {
        let sums = &class.sums;
        (class.kind != ClassKind::Other, sums.times.total() + sums.waited_nanos(), sums.claims)
    };
    classes.sort_by_key(|class| Reverse(weight(class)));
    if classes.len() <= max {
        return;
    }
    let rest = classes.split_off(max - 1);
    let sums = rest.iter().fold(ClassSums::default(), |sum, class| sum.plus(&class.sums));
    classes.push(FrameClass {
        label: ClassKind::Other.as_str().into(),
        kind: ClassKind::Other,
        sums,
    });
}

/// The rings. It is told of a snapshot about once a second; a longer stretch is one frame.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    before: Option<Before>,
    seconds: VecDeque<Arc<Frame>>,
    tens: VecDeque<Arc<Frame>>,
    /// The stretch of ten seconds under way.
    ten: Option<Frame>,
}

/// The snapshot before.
#[derive(Debug, Clone)]
struct Before {
    at: Instant,
    times: PhaseTimes,
    classes: ClassesBefore,
}

const TEN: Duration = Duration::from_secs(10);

impl Recorder {
    /// Notes a snapshot. `slots` is how many server connections there may be.
    pub fn note(&mut self, at: Instant, snapshot: &LedgerSnapshot, slots: u32) {
        let now = Before { at, times: snapshot.times, classes: so_far(snapshot) };
        let Some(before) = self.before.replace(now) else { return };
        let waiting = snapshot.classes.iter().map(|class| class.waiting).sum();
        self.push(Frame {
            at,
            span: at - before.at,
            times: snapshot.times - &before.times,
            slots,
            waiting,
            classes: differences(before.classes, snapshot, LEDGER_SECOND_CLASSES),
        });
    }

    fn push(&mut self, frame: Frame) {
        let ten = match self.ten.take() {
            Some(ten) => ten.plus(&frame, LEDGER_TEN_CLASSES),
            None => frame.clone(),
        };
        if ten.span >= TEN {
            keep(&mut self.tens, ten, LEDGER_TENS);
        } else {
            self.ten = Some(ten);
        }
        keep(&mut self.seconds, frame, LEDGER_SECONDS);
    }

    /// The frames of the last 15 minutes, the oldest first.
    pub fn seconds(&self) -> impl DoubleEndedIterator<Item = &Arc<Frame>> {
        self.seconds.iter()
    }

    /// The stretches of ten seconds of the last day, the oldest first.
    pub fn tens(&self) -> impl DoubleEndedIterator<Item = &Arc<Frame>> {
        self.tens.iter()
    }

    /// The flight recorder: the last 15 minutes as they are now. What comes later does not change
    /// it, and it costs a pointer a second.
    #[must_use]
    pub fn freeze(&self) -> Vec<Arc<Frame>> {
        self.seconds.iter().cloned().collect()
    }

    /// The last `window` (at most 15 minutes) as one frame; `None` before the first second.
    #[must_use]
    pub fn last(&self, window: Duration) -> Option<Frame> {
        let end = self.seconds.back()?.at;
        let mut frames = self.seconds.iter().rev().take_while(|frame| end - frame.at < window);
        let first = Frame::clone(frames.next()?);
        Some(frames.fold(first, |sum, frame| sum.plus(frame, usize::MAX)))
    }
}

fn keep(ring: &mut VecDeque<Arc<Frame>>, frame: Frame, max: usize) {
    if ring.len() >= max {
        ring.pop_front();
    }
    ring.push_back(Arc::new(frame));
}

/// What each class had done, by its key.
pub(super) type ClassesBefore = HashMap<(usize, u64), ClassSums>;

/// What each class has done so far.
pub(super) fn so_far(snapshot: &LedgerSnapshot) -> ClassesBefore {
    snapshot.classes.iter().map(|row| (row.key, row.sums)).collect()
}

/// What each class did between two snapshots, those behind the first `max` as `other`. What a
/// class that is gone had done is in `other` now, and was not done there since.
pub(super) fn differences(
    mut before: ClassesBefore,
    snapshot: &LedgerSnapshot,
    max: usize,
) -> Vec<FrameClass> {
    let mut classes: Vec<FrameClass> = Vec::new();
    let mut other = ClassSums::default();
    for row in &snapshot.classes {
        let old = before.remove(&row.key).unwrap_or_default();
        if row.kind == ClassKind::Other {
            other = other.plus(&row.sums.since(&old));
            continue;
        }
        let sums = row.sums.since(&old);
        if sums.is_empty() {
            continue;
        }
        let class = FrameClass { label: Arc::clone(&row.label), kind: row.kind, sums };
        match classes.iter_mut().find(|known| known.is_same(&class)) {
            Some(known) => known.sums = known.sums.plus(&class.sums),
            None => classes.push(class),
        }
    }
    let gone = before.values().fold(ClassSums::default(), |sum, old| sum.plus(old));
    let other = other.since(&gone);
    if !other.is_empty() {
        let label = ClassKind::Other.as_str().into();
        classes.push(FrameClass { label, kind: ClassKind::Other, sums: other });
    }
    keep_longest(&mut classes, max);
    classes
}
