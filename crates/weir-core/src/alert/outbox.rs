//! What is sent next to one receiver: one message for each change of state, changes of the same
//! incident put together while they wait, no more a minute than the service takes, and another try
//! after a failure.

use std::collections::VecDeque;
use std::time::Duration;

use super::message::Message;
use super::render::Verdict;
use crate::config::limits::ALERTS_QUEUED;
use crate::time::Instant;

/// The rate is taken over this.
const MINUTE: Duration = Duration::from_secs(60);
/// The wait before the second try; it doubles with each.
const RETRY_MIN: Duration = Duration::from_secs(1);
/// The longest wait between two tries.
const RETRY_MAX: Duration = Duration::from_secs(300);
/// Tries of one message, at most: over an hour with the waits above.
const TRIES_MAX: u32 = 20;

/// A message and what became of it so far.
#[derive(Debug, Clone)]
struct Waiting {
    message: Message,
    tries: u32,
    not_before: Instant,
    /// Its try began when there was no later: it is the last.
    last: bool,
}

/// What became of a message after a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It arrived.
    Delivered,
    /// It will be tried again after this time.
    Again(Duration),
    /// It will not arrive.
    GivenUp,
}

/// The messages for one receiver.
#[derive(Debug)]
pub struct Outbox {
    per_minute: usize,
    queue: VecDeque<Waiting>,
    /// When the tries of the last minute were.
    tried: VecDeque<Instant>,
    /// The message that is on its way.
    under_way: Option<Waiting>,
    /// Messages that went because the queue was full.
    dropped: u64,
    /// There is no later: each message is tried once more.
    hurried: bool,
}

impl Outbox {
    /// An empty one, for a receiver that takes so many messages a minute.
    #[must_use]
    pub fn new(per_minute: u32) -> Self {
        Self {
            per_minute: per_minute.max(1) as usize,
            queue: VecDeque::new(),
            tried: VecDeque::new(),
            under_way: None,
            dropped: 0,
            hurried: false,
        }
    }

    /// One for a successor that takes so many messages a minute: with all that was not sent, which
    /// is tried anew. What was on its way is sent again, and may arrive twice.
    #[must_use]
    pub fn handed_over(mut self, now: Instant, per_minute: u32) -> Self {
        let mut next = Self::new(per_minute);
        let left = self.under_way.take().into_iter().chain(self.queue);
        let anew = |waiting: Waiting| Waiting { tries: 0, not_before: now, ..waiting };
        next.queue = left.map(anew).collect();
        let known = self.tried.len().saturating_sub(next.per_minute);
        next.tried = self.tried.split_off(known);
        next
    }

    /// Everything that waits is due now and tried once: the end is near. The pace that the service
    /// takes is kept all the same.
    pub fn hurry(&mut self, now: Instant) {
        self.hurried = true;
        self.queue.iter_mut().for_each(|waiting| waiting.not_before = now);
    }

    /// Whether it is hurried and has nothing left.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.hurried && self.unsent() == 0
    }

    /// Takes a message. It replaces one about the same incident that has not been sent yet; when
    /// the queue is full the oldest goes.
    pub fn push(&mut self, now: Instant, mut message: Message) {
        let same =
            |waiting: &Waiting| message.id().is_some() && waiting.message.id() == message.id();
        let mut not_before = now;
        if let Some(at) = self.queue.iter().position(same)
            && let Some(older) = self.queue.remove(at)
        {
            message.merged = older.message.merged + 1;
            // A receiver that is down is not asked more often because there is more to say.
            not_before = older.not_before;
        }
        if self.queue.len() >= ALERTS_QUEUED {
            self.queue.pop_front();
            self.dropped += 1;
        }
        self.queue.push_back(Waiting { message, tries: 0, not_before, last: false });
    }

    /// The message to send now, if one is due and none is on its way. Answer with
    /// [`Self::settle`].
    pub fn next(&mut self, now: Instant) -> Option<Message> {
        if self.due_at().is_none_or(|due| due > now) {
            return None;
        }
        let at = self.queue.iter().position(|waiting| waiting.not_before <= now)?;
        let mut waiting = self.queue.remove(at)?;
        waiting.tries += 1;
        waiting.last = self.hurried;
        if self.tried.len() == self.per_minute {
            self.tried.pop_front();
        }
        self.tried.push_back(now);
        let message = waiting.message.clone();
        self.under_way = Some(waiting);
        Some(message)
    }

    /// When to ask for the next message; `None` while there is nothing to send, or one is on its
    /// way.
    #[must_use]
    pub fn due_at(&self) -> Option<Instant> {
        if self.under_way.is_some() {
            return None;
        }
        let due = self.queue.iter().map(|waiting| waiting.not_before).min()?;
        let full = self.tried.len() == self.per_minute;
        let allowed = self.tried.front().filter(|_| full).map(|first| *first + MINUTE);
        Some(allowed.map_or(due, |allowed| allowed.max(due)))
    }

    /// Takes the service's answer to the message on its way.
    pub fn settle(&mut self, now: Instant, verdict: &Verdict) -> Settled {
        let Some(mut waiting) = self.under_way.take() else { return Settled::GivenUp };
        let wait = match verdict {
            Verdict::Delivered => return Settled::Delivered,
            Verdict::Refused { .. } => return Settled::GivenUp,
            Verdict::Failed { .. } if waiting.last => return Settled::GivenUp,
            // Its try was under way when all were hurried.
            Verdict::Failed { .. } if self.hurried => Duration::ZERO,
            Verdict::Failed { retry_after, .. } => {
                back_off(waiting.tries).max(retry_after.unwrap_or_default())
            }
        };
        let newer = |other: &Waiting| other.message.id() == waiting.message.id();
        if let Some(newer) = self.queue.iter_mut().find(|other| newer(other)) {
            newer.message.merged += waiting.message.merged + 1;
            newer.tries = waiting.tries;
            newer.not_before = now + wait;
            return Settled::Again(wait);
        }
        if waiting.tries >= TRIES_MAX {
            return Settled::GivenUp;
        }
        waiting.not_before = now + wait;
        self.queue.push_front(waiting);
        Settled::Again(wait)
    }

    /// Messages that wait or are on their way.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.queue.len() + usize::from(self.under_way.is_some())
    }

    /// Messages that went unsent because the queue was full.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }
}

fn back_off(tries: u32) -> Duration {
    let doubled = RETRY_MIN.saturating_mul(1 << tries.saturating_sub(1).min(16));
    doubled.min(RETRY_MAX)
}
