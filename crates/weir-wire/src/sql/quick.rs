//! A quick look that settles the commonest texts: one statement on rows, with numbers for literals
//! and nothing that could be a call.
//!
//! Such a text has other numbers each time, so remembering its facts by the text does not help,
//! and the scan would cost more than all the rest of relaying it.

use super::flags::{Facts, Flags};
use super::verb::Verb;

/// Verbs of statements on rows. Their words have six letters each.
const VERBS: [(&[u8; 6], Verb); 3] =
    [(b"select", Verb::Select), (b"update", Verb::Update), (b"delete", Verb::Delete)];

/// What a byte means for the quick look.
const PLAIN: u8 = 0;
/// It may begin a call, a quoted text, a comment, a parameter, another statement.
const UNCLEAR: u8 = 1;
/// It ends a word that would need a closer look.
const WORD_END: u8 = 2;

const MEANING: [u8; 256] = {
    let mut meaning = [UNCLEAR; 256];
    let mut c = 0_u8;
    while c < 128 {
        if c.is_ascii_alphanumeric() || matches!(c, b' ' | b',' | b'.' | b'=' | b'<' | b'>' | b'+')
        {
            meaning[c as usize] = PLAIN;
        }
        c += 1;
    }
    meaning[b'_' as usize] = WORD_END;
    meaning[b'o' as usize] = WORD_END;
    meaning[b'O' as usize] = WORD_END;
    meaning
};

/// The facts of a text that is surely plain; `None` when only the scan can tell.
#[inline]
pub(super) fn facts(text: &[u8]) -> Option<Facts> {
    let text = text.strip_suffix(b";").unwrap_or(text);
    let (word, rest) = text.split_first_chunk::<6>()?;
    let &(_, first) = VERBS.iter().find(|(verb, _)| word.eq_ignore_ascii_case(*verb))?;
    if rest.first() != Some(&b' ') {
        return None;
    }
    for (at, &byte) in rest.iter().enumerate() {
        match MEANING[byte as usize] {
            PLAIN => {}
            WORD_END if !is_special(&rest[..=at]) => {}
            _ => return None,
        }
    }
    Some(Facts { flags: Flags::NONE, statements: 1, first })
}

/// The text ends in `into` (which may make a table) or `pg_` (a catalogue, whose `pg_settings` can
/// be updated, or a temporary schema).
fn is_special(text: &[u8]) -> bool {
    let ends = |word: &[u8]| {
        text.len() >= word.len() && text[text.len() - word.len()..].eq_ignore_ascii_case(word)
    };
    ends(b"into") || ends(b"pg_")
}

#[cfg(test)]
mod tests {
    use super::super::scan;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_commonest_texts_are_settled() {
        for text in [
            "SELECT abalance FROM pgbench_accounts WHERE aid = 12345;",
            "update t set a = a + 1 where id = 7",
            "Delete from t where a <= 3",
        ] {
            assert_eq!(facts(text.as_bytes()), Some(scan::scan_facts(text.as_bytes())), "{text}");
        }
    }

    #[test]
    fn what_is_not_clear_is_left_to_the_scan() {
        for text in [
            "SELECT pg_advisory_lock(1)",
            "SELECT a INTO TEMP b FROM c",
            "select 1; drop table t",
            "update pg_settings set setting = 1",
            "select 'it''s'",
            "select 1 -- comment",
            "select 1 /* route */",
            "selected",
            "begin",
            "",
        ] {
            assert_eq!(facts(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn the_quick_look_says_what_the_scan_says(words in proptest::collection::vec(
            prop_oneof![
                Just("select"), Just("update"), Just("delete"), Just(" "), Just("into"),
                Just("temp"), Just("pg_settings"), Just("set"), Just("table"), Just("from"),
                Just("a"), Just("1"), Just(","), Just("."), Just("="), Just("+"), Just(";"),
                Just("pg_temp"), Just("where"), Just("with"), Just("do"), Just("or"), Just("local"),
            ], 0..14)) {
            let text = words.concat();
            for text in [text.clone(), format!("select {text}"), format!("update {text}")] {
                if let Some(quick) = facts(text.as_bytes()) {
                    prop_assert_eq!(quick, scan::scan_facts(text.as_bytes()), "{}", text);
                }
            }
        }
    }
}
