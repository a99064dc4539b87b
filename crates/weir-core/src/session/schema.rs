//! Which statements change the schema, so that statements parsed afterwards are parsed anew.

use weir_wire::sql::{Facts, Flags, Verb};

use crate::session::marks::Marks;
use crate::session::state::Context;

impl Context<'_> {
    /// Notes that the schema is about to change. It is noted again when the transaction has ended:
    /// in between, another client may have parsed a statement against the old one.
    #[inline]
    pub(super) fn note_schema(&mut self, text: &[u8], facts: Facts) {
        if !may_change(facts) || !changes(text, facts) {
            return;
        }
        self.shared.statements.schema_changed();
        if let Some(server) = self.server.as_deref_mut() {
            server.lease.marks.set(Marks::SCHEMA);
        }
    }
}

/// A look at the facts alone, for the path of every statement.
#[inline]
pub(super) fn may_change(facts: Facts) -> bool {
    facts.statements > 1
        || facts.flags.intersects(Flags::DO | Flags::CALL | Flags::CREATE_TEMP)
        || matches!(facts.first, Verb::Create | Verb::Alter | Verb::Drop | Verb::Execute)
}

/// In a text of several statements the words may stand anywhere; a word inside a literal costs
/// one Parse too many.
fn changes(text: &[u8], facts: Facts) -> bool {
    const WORDS: [&[u8]; 6] = [b"create", b"alter", b"drop", b"do", b"call", b"execute"];
    facts.statements == 1
        || (0..text.len()).any(|at| {
            let begins = |word: &&[u8]| {
                text.get(at..at + word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word))
            };
            WORDS.iter().any(begins)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_wire::sql;

    #[test]
    fn statements_that_change_the_schema_are_known() {
        let check = |text: &str, expected: bool| {
            let facts = sql::facts(text.as_bytes());
            let found = may_change(facts) && changes(text.as_bytes(), facts);
            assert_eq!(found, expected, "{text}");
        };
        check("select 1", false);
        check("update t set a = 'drop table t'", false);
        check("/* route */ ALTER TABLE t ADD b int", true);
        check("insert into t values (1); select 2", false);
        check("insert into t values (1); Drop TABLE t", true);
        check("create temp table t (a int)", true);
        check("do $$ begin end $$", true);
    }
}
