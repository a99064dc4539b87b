//! The known word nearest to one that is not known.

/// The candidate that needs the fewest edits, when they are few enough to be a slip.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let most = (word.chars().count() / 3).max(2);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(edits, candidate)| *edits <= most && *edits < candidate.chars().count())
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, by the two-row method of Wagner and Fischer (1974). Words beyond 64
/// characters are no slips.
fn distance(left: &str, right: &str) -> usize {
    const WORD_CHARS_MAX: usize = 64;
    let right: Vec<char> = right.chars().collect();
    if left.chars().count().max(right.len()) > WORD_CHARS_MAX {
        return usize::MAX;
    }
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, a) in left.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, b) in right.iter().enumerate() {
            let replaced = above[column] + usize::from(a != *b);
            current.push(replaced.min(above[column + 1] + 1).min(current[column] + 1));
        }
        above = current;
    }
    above[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["size", "size_min", "mode", "server_lifetime"];
        assert_eq!(nearest("sise", known), Some("size"));
        assert_eq!(nearest("min_size", known), None);
        assert_eq!(nearest("server_lifetme", known), Some("server_lifetime"));
        assert_eq!(nearest("zz", known), None);
    }
}
