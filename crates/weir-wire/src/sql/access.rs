//! What a text may do to rows: what would be lost if its transaction were rolled back.
//!
//! Only the text is read, so this errs towards writing: a function counts as one that writes unless
//! it is known not to (`pure`), and so does a statement that begins with an unknown word. Not seen
//! are triggers, rules and operators that write, and a function of the user's own that has the name
//! of one of PostgreSQL's and comes before it in `search_path`.

use super::lex::{Kind, Lexer, Token};
use super::pure::is_pure;
use super::verb::Verb;

/// A set of what a text, or all texts of a transaction, may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Access(u8);

impl Access {
    /// Nothing: transaction control and settings.
    pub const NONE: Self = Self(0);
    /// The transaction can only read from here on: `BEGIN READ ONLY`, `SET TRANSACTION READ ONLY`.
    pub const READ_ONLY: Self = Self(1);
    /// It is made able to write.
    pub const READ_WRITE: Self = Self(1 << 1);
    /// Rows are read, or locked.
    pub const READS: Self = Self(1 << 2);
    /// Rows may be written, and the command tag says how many.
    pub const ROWS: Self = Self(1 << 3);
    /// Something may be written that no tag tells.
    pub const WRITES: Self = Self(1 << 4);
    /// The schema changes, or a table is rewritten or vacuumed.
    pub const SCHEMA: Self = Self(1 << 5);
    /// A transaction begins or ends, or its mode is set: [`super::Flags`] say more.
    pub const EDGE: Self = Self(1 << 6);

    /// Both sets together.
    #[inline]
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The set without `other`.
    #[inline]
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether any of `other` is in the set.
    #[inline]
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// What the statements of `text` may do. Linear in its length, without allocation; the same for
/// all texts of one [`super::template`].
#[must_use]
pub(super) fn access(text: &[u8]) -> Access {
    let mut all = Access::NONE;
    let mut lexer = Lexer::new(text);
    let mut walk = Walk::default();
    while let Some(token) = lexer.next_code() {
        all = all.union(walk.token(&token));
    }
    all
}

/// A walk over the tokens of a statement.
#[derive(Debug, Default)]
struct Walk<'a> {
    verb: Option<Verb>,
    before: Option<Token<'a>>,
    depth: usize,
    /// The statement is SET TRANSACTION.
    is_mode: bool,
    /// The name under way names no function: a table, a type, or what stands behind AS.
    is_name: bool,
    /// It has a qualifier other than `pg_catalog`.
    is_qualified: bool,
}

impl<'a> Walk<'a> {
    fn token(&mut self, token: &Token<'a>) -> Access {
        let found = match token.kind {
            Kind::Punct(b';') => {
                *self = Self::default();
                return Access::NONE;
            }
            Kind::Punct(b'(') => {
                self.depth += 1;
                self.call()
            }
            Kind::Punct(b')') => {
                self.depth = self.depth.saturating_sub(1);
                Access::NONE
            }
            Kind::Punct(b'.') => {
                self.is_qualified = !self.is_after(&[b"pg_catalog"]);
                Access::NONE
            }
            Kind::Word | Kind::Quoted => self.word(token),
            Kind::String
            | Kind::Dollar
            | Kind::Number
            | Kind::Parameter
            | Kind::Operator
            | Kind::Punct(_)
            | Kind::Comment
            | Kind::Other => Access::NONE,
        };
        self.before = Some(*token);
        found
    }

    fn is_after(&self, words: &[&[u8]]) -> bool {
        self.before.is_some_and(|before| words.iter().any(|word| before.is(word)))
    }

    fn word(&mut self, token: &Token<'a>) -> Access {
        let Some(verb) = self.verb else {
            let verb = Verb::of(*token);
            (self.verb, self.is_name) = (Some(verb), true);
            return of_verb(verb);
        };
        let found = self.meaning(verb, token);
        self.is_mode |= verb == Verb::Set && self.is_after(&[b"set"]) && token.is(b"transaction");
        if self.before.is_none_or(|before| before.kind != Kind::Punct(b'.')) {
            self.is_qualified = false;
            self.is_name = self.is_after(&NAMED)
                || self.before.is_some_and(|b| b.kind == Kind::Punct(b')') || b.text == b"::");
        }
        found
    }

    fn meaning(&self, verb: Verb, token: &Token<'a>) -> Access {
        let sets_mode = matches!(verb, Verb::Begin | Verb::Start) || self.is_mode;
        if verb == Verb::Create && self.is_after(&[b"create"]) {
            let temporary: [&[u8]; 4] = [b"temp", b"temporary", b"local", b"global"];
            let is_temporary = temporary.iter().any(|word| token.is(word));
            if is_temporary { Access::WRITES } else { Access::SCHEMA }
        } else if calls(verb) && self.is_hidden_write(verb, token) {
            Access::WRITES
        } else if token.is(b"from") && verb == Verb::Copy && self.depth == 0 {
            Access::ROWS
        } else if token.is(b"only") && self.is_after(&[b"read"]) && sets_mode {
            Access::READ_ONLY.union(Access::EDGE)
        } else if token.is(b"write") && self.is_after(&[b"read"]) && sets_mode {
            Access::READ_WRITE.union(Access::EDGE)
        } else {
            Access::NONE
        }
    }

    /// A change that the statement's tag does not count: in its WITH, or `SELECT … INTO`.
    fn is_hidden_write(&self, verb: Verb, token: &Token<'_>) -> bool {
        is_change(token) && !self.is_after(&LOCKING)
            || token.is(b"into") && !matches!(verb, Verb::Insert | Verb::Merge)
    }

    /// A parenthesis opens: behind a name, that is a call.
    fn call(&self) -> Access {
        let Some(name) = self.before.filter(|_| self.verb.is_some_and(calls)) else {
            return Access::NONE;
        };
        let is_word = matches!(name.kind, Kind::Word | Kind::Quoted);
        let is_harmless = name.kind == Kind::Word && !self.is_qualified && is_pure(name.text);
        if is_word && !self.is_name && !is_harmless { Access::WRITES } else { Access::NONE }
    }
}

/// A name behind these is no function's.
const NAMED: [&[u8]; 5] = [b"into", b"as", b"with", b"recursive", b"copy"];

/// UPDATE behind these changes nothing (`FOR UPDATE`, `FOR NO KEY UPDATE`), or belongs to a
/// statement whose tag counts it (`ON CONFLICT DO UPDATE`, `WHEN MATCHED THEN UPDATE`).
const LOCKING: [&[u8]; 4] = [b"for", b"key", b"do", b"then"];

fn is_change(token: &Token<'_>) -> bool {
    let words: [&[u8]; 4] = [b"insert", b"update", b"delete", b"merge"];
    words.iter().any(|word| token.is(word))
}

/// Whether the statement calls the functions it names.
fn calls(verb: Verb) -> bool {
    verb.is_query() || matches!(verb, Verb::Copy | Verb::Declare | Verb::Explain | Verb::Prepare)
}

/// What a statement that begins with `verb` does, whatever follows.
fn of_verb(verb: Verb) -> Access {
    match verb {
        Verb::Select
        | Verb::With
        | Verb::Values
        | Verb::Table
        | Verb::Copy
        | Verb::Declare
        | Verb::Fetch
        | Verb::Move
        | Verb::Lock
        | Verb::Explain => Access::READS,
        Verb::Insert | Verb::Update | Verb::Delete | Verb::Merge => Access::ROWS,
        Verb::Truncate
        | Verb::Notify
        | Verb::Load
        | Verb::Execute
        | Verb::Do
        | Verb::Call
        | Verb::Other => Access::WRITES,
        Verb::Alter
        | Verb::Drop
        | Verb::Grant
        | Verb::Revoke
        | Verb::Comment
        | Verb::Refresh
        | Verb::Vacuum
        | Verb::Analyze
        | Verb::Cluster
        | Verb::Reindex
        | Verb::Repack => Access::SCHEMA,
        Verb::Begin
        | Verb::Start
        | Verb::Commit
        | Verb::End
        | Verb::Rollback
        | Verb::Abort
        | Verb::Prepare => Access::EDGE,
        Verb::Set
        | Verb::Reset
        | Verb::Show
        | Verb::Savepoint
        | Verb::Release
        | Verb::Discard
        | Verb::Deallocate
        | Verb::Close
        | Verb::Listen
        | Verb::Unlisten
        | Verb::Create
        | Verb::None => Access::NONE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(texts: &[&str], expected: Access) {
        for text in texts {
            assert_eq!(access(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn reading_is_told_from_writing() {
        let reads = [
            "select a, count(*) from t where lower(b) in ($1, 'x') group by a",
            "(select 1) union all (select 2)",
            "select * from t where id = 1 for no key update skip locked",
            "with x as (select 1), y as (select pg_catalog.now()) select cast(a as numeric(10, 2))",
            "select a::varchar(10) from (values (1)) v(a) join w using (a) left join z on (a = b)",
            "copy (select a from t) to stdout (format csv)",
            "explain (analyze, buffers) select 1",
            "declare c cursor for select 1",
            "lock table t",
            "fetch 100 from c",
        ];
        check(&reads, Access::READS);
        let rows = [
            "insert into app.t (a, b) values ($1, now()) on conflict (a) do update set b = 1",
            "UPDATE t SET (a, b) = (1, 2) WHERE id IN (1, 2) RETURNING a",
            "delete from t where a = 'f(1)'",
            "merge into t using s on (a = b) when matched then update set a = 1 when not matched \
             then insert (a) values (1)",
        ];
        check(&rows, Access::ROWS);
        check(&["copy t (a, b) from stdin with (format csv)"], Access::READS.union(Access::ROWS));
    }

    #[test]
    fn what_no_tag_tells_counts_as_written() {
        let hidden = Access::READS.union(Access::WRITES);
        let reads = [
            "select nextval('s')",
            "select charge($1)",
            "select app.lower(a) from t",
            "select \"Count\"(a) from t",
            "with gone as (delete from t returning a) select a from gone",
            "select 1 into u",
            "explain analyze update t set a = 1",
        ];
        check(&reads, hidden);
        check(&["do $$x$$", "call p()", "execute e", "truncate t", "frobnicate"], Access::WRITES);
        check(&["update t set a = bill(a)"], Access::ROWS.union(Access::WRITES));
        check(&["create temp table t (a int)"], Access::WRITES);
        let schema =
            ["alter table t add b int", "create index i on t (a)", "vacuum", "drop view v"];
        check(&schema, Access::SCHEMA);
    }

    #[test]
    fn transactions_and_their_modes() {
        check(&["begin", "commit", "rollback to a", "prepare transaction 'x'"], Access::EDGE);
        let only = Access::EDGE.union(Access::READ_ONLY);
        check(
            &["begin read only", "start transaction isolation level serializable, read only"],
            only,
        );
        check(&["set transaction read only"], only);
        check(&["begin read write"], Access::EDGE.union(Access::READ_WRITE));
        let nothing =
            ["set session characteristics as transaction read only", "savepoint a", "", ";"];
        check(&nothing, Access::NONE);
        check(&["begin; insert into t values (1); commit"], Access::EDGE.union(Access::ROWS));
    }
}
