//! Words as numbers, so that a keyword is one comparison in the hot path.

/// The bytes of a word that its key holds; the longer ones are told apart by length and ending.
pub(super) const EXACT_LEN_MAX: usize = 7;

/// A word in lower case as a number: its last bytes, and its length in the highest byte.
///
/// Exact up to [`EXACT_LEN_MAX`] bytes. Zero is no word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(u64);

impl Key {
    pub(super) const NONE: Self = Self(0);

    /// The key of a keyword.
    pub(super) const fn of(word: &[u8]) -> Self {
        let mut builder = 0;
        let mut at = 0;
        while at < word.len() {
            builder = Self::push(builder, Self::fold(word[at]));
            at += 1;
        }
        Self::finish(builder, word.len())
    }

    /// Adds a byte of a word, folded by [`Self::fold`].
    #[inline]
    pub(super) const fn push(builder: u64, folded: u8) -> u64 {
        builder << 8 | folded as u64
    }

    /// A letter in lower case. The bit that does it maps no other byte of a word to a letter, and
    /// none to zero.
    #[inline]
    pub(super) const fn fold(byte: u8) -> u8 {
        byte | 0x20
    }

    #[inline]
    pub(super) const fn finish(builder: u64, len: usize) -> Self {
        let len = if len < 255 { len as u64 } else { 255 };
        Self(builder << 8 >> 8 | len << 56)
    }
}

/// A fixed set of keywords. Words that differ from one in their beginning alone may pass for it,
/// if they are longer than [`EXACT_LEN_MAX`] bytes.
#[derive(Debug)]
pub(super) struct KeySet<const N: usize>([u64; N]);

impl<const N: usize> KeySet<N> {
    pub(super) const fn new(words: [&str; N]) -> Self {
        let mut keys = [0; N];
        let mut at = 0;
        while at < N {
            keys[at] = Key::of(words[at].as_bytes()).0;
            at += 1;
        }
        Self(keys)
    }

    /// Without a branch for each word: a search's branches are guessed wrongly.
    #[inline]
    pub(super) fn contains(&self, key: Key) -> bool {
        self.0.iter().fold(false, |found, &word| found | (word == key.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_words_apart() {
        assert_eq!(Key::of(b"SeLeCt"), Key::of(b"select"));
        let words: [&[u8]; 7] = [b"in", b"on", b"iin", b"transaction", b"ransaction", b"a", b"_"];
        for (index, one) in words.iter().enumerate() {
            assert_ne!(Key::of(one), Key::NONE);
            for other in &words[index + 1..] {
                assert_ne!(Key::of(one), Key::of(other));
            }
        }
    }

    #[test]
    fn a_set_holds_its_words_alone() {
        let set = KeySet::new(["where", "in", "returning", "as"]);
        for word in ["where", "in", "returning", "as"] {
            assert!(set.contains(Key::of(word.as_bytes())), "{word}");
        }
        assert!(!set.contains(Key::of(b"w")) && !set.contains(Key::NONE));
    }
}
