//! How many different users were hit: a count of fixed size whatever their number.
//!
//! Linear counting (Whang, Vander-Zanden and Taylor 1990): each user sets one of 65,536 bits, and
//! the share of bits that are not set tells how many there were. Up to 400,000 users the error is
//! about one percent; counts of several moments are brought together by OR.

use std::f64::consts::E;

/// Words of 64 bits.
pub const USER_WORDS: usize = 1024;

/// Fewer bits than this left: there are more users than can be counted.
const ZEROS_MIN: u32 = 64;

/// The users of some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Users {
    words: Box<[u64; USER_WORDS]>,
}

impl Default for Users {
    fn default() -> Self {
        Self { words: Box::new([0; USER_WORDS]) }
    }
}

impl Users {
    /// The users of such words.
    #[must_use]
    pub fn of(words: Box<[u64; USER_WORDS]>) -> Self {
        Self { words }
    }

    /// Where a user is noted: the word, and its bit there. `user` is a hash.
    #[must_use]
    pub const fn place(user: u32) -> (usize, u64) {
        // Fibonacci hashing: the upper bits of the product are well mixed.
        let bit = (user.wrapping_mul(0x9e37_79b9) >> 16) as usize;
        (bit / 64, 1 << (bit % 64))
    }

    /// Notes a user.
    pub fn insert(&mut self, user: u32) {
        let (word, bit) = Self::place(user);
        self.words[word] |= bit;
    }

    /// Notes those of another count, too.
    pub fn join(&mut self, others: &Self) {
        for (mine, theirs) in self.words.iter_mut().zip(others.words.iter()) {
            *mine |= theirs;
        }
    }

    /// How many there are, and whether there may be many more than that.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 500,000")]
    pub fn count(&self) -> (u64, bool) {
        let bits = (USER_WORDS * 64) as f64;
        let zeros = self.words.iter().map(|word| word.count_zeros()).sum::<u32>();
        let left = f64::from(zeros.max(ZEROS_MIN));
        ((bits * (bits / left).log(E)).round() as u64, zeros < ZEROS_MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes as the program makes them, or at least as mixed.
    fn users(range: std::ops::Range<u32>) -> Users {
        let mut users = Users::default();
        range.for_each(|user| users.insert((user ^ (user >> 15)).wrapping_mul(0x85eb_ca6b) ^ user));
        users
    }

    #[test]
    fn few_are_counted_exactly_and_many_within_two_percent() {
        assert_eq!(Users::default().count(), (0, false));
        assert_eq!(users(0..1).count(), (1, false));
        for many in [100, 5_000, 100_000, 300_000_u32] {
            let (count, at_least) = users(0..many).count();
            let error = (count as f64 - f64::from(many)).abs() / f64::from(many);
            assert!(error < 0.02 && !at_least, "{many}: {count}");
        }
    }

    #[test]
    fn the_same_users_again_add_nothing_and_others_do() {
        let mut all = users(0..1_000);
        let before = all.count();
        all.join(&users(0..1_000));
        assert_eq!(all.count(), before);
        all.join(&users(5_000..6_000));
        assert!((1_960..2_040).contains(&all.count().0), "{:?}", all.count());
    }

    #[test]
    fn beyond_what_can_be_counted_it_says_at_least() {
        let full = Users::of(Box::new([u64::MAX; USER_WORDS]));
        assert!(full.count().1 && full.count().0 > 400_000);
    }
}
