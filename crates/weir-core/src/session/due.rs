//! The replies of one server connection that are still to come.

use std::ops::Deref;

use crate::session::server::Reply;

/// Replies in the order in which they will come, in one piece: nearly always there are a few, and
/// all of them come before the next request. Read it as a slice.
#[derive(Debug, Default)]
pub(super) struct Due {
    replies: Vec<Reply>,
    /// So many of them have come.
    given: usize,
}

/// Replies that have come, from where on they are cleared away although others are to come.
const GIVEN_MAX: usize = 64;

impl Due {
    /// None is to come. This and the two below say what the slice says, for less.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.given == self.replies.len()
    }

    /// How many are to come.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.replies.len() - self.given
    }

    /// The next one.
    #[inline]
    pub(super) fn first(&self) -> Option<&Reply> {
        self.replies.get(self.given)
    }

    /// One more, behind all others.
    #[inline]
    pub(super) fn push_back(&mut self, reply: Reply) {
        self.replies.push(reply);
    }

    /// The first has come.
    #[inline]
    pub(super) fn pop_front(&mut self) -> Option<Reply> {
        let reply = self.first().copied()?;
        self.drop_front(1);
        Some(reply)
    }

    /// So many have come, at most all there are.
    #[inline]
    pub(super) fn drop_front(&mut self, count: usize) {
        self.given += count;
        if self.given >= self.replies.len() {
            self.replies.clear();
            self.given = 0;
        } else if self.given >= GIVEN_MAX.max(self.replies.len() / 2) {
            self.replies.drain(..self.given);
            self.given = 0;
        }
    }

    /// None will come.
    pub(super) fn clear(&mut self) {
        self.drop_front(self.len());
    }

    /// One more in front of the one at `at`.
    pub(super) fn insert(&mut self, at: usize, reply: Reply) {
        self.replies.insert(self.given + at, reply);
    }

    /// The one at `at`, where there is one, will not come.
    pub(super) fn remove(&mut self, at: usize) {
        self.replies.remove(self.given + at);
        self.drop_front(0);
    }
}

impl Deref for Due {
    type Target = [Reply];

    #[inline]
    fn deref(&self) -> &[Reply] {
        self.replies.get(self.given..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_come_in_order_however_long_the_pipeline() {
        let mut due = Due::default();
        let (mut sent, mut come) = (0_usize, 0);
        let reply = |at: usize| if at.is_multiple_of(3) { Reply::Ready } else { Reply::Bind };
        for _ in 0..1000 {
            for _ in 0..3 {
                due.push_back(reply(sent));
                sent += 1;
            }
            assert_eq!(due.first(), Some(&reply(come)));
            assert_eq!(
                (due.pop_front(), due.pop_front()),
                (Some(reply(come)), Some(reply(come + 1)))
            );
            come += 2;
            assert_eq!(due.len(), sent - come);
        }
        assert!(due.replies.len() <= 2 * due.len(), "what has come is cleared away");
        due.drop_front(due.len());
        assert_eq!((due.pop_front(), due.len(), due.replies.len()), (None, 0, 0));
    }

    #[test]
    fn places_count_from_the_first_to_come() {
        let mut due = Due::default();
        for reply in [Reply::Bind, Reply::Execute, Reply::Ready] {
            due.push_back(reply);
        }
        due.pop_front();
        due.insert(1, Reply::CopyEnd);
        assert_eq!(*due, [Reply::Execute, Reply::CopyEnd, Reply::Ready]);
        due.remove(1);
        assert_eq!(*due, [Reply::Execute, Reply::Ready]);
    }
}
