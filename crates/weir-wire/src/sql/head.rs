//! What the first words of a statement say.

use super::cursor::Cursor;
use super::effect::Effect;
use super::lex::Kind;
use super::set;
use super::verb::Verb;

/// The beginning of a statement, read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'a> {
    /// The first word.
    pub(super) verb: Verb,
    /// What the statement does, in order.
    pub(super) effects: [Option<Effect<'a>>; 2],
    /// Functions that the statement names are called when it runs.
    pub(super) calls: bool,
    /// A routine, whose body may hold semicolons between `BEGIN ATOMIC` and `END`.
    pub(super) is_routine: bool,
}

/// Reads the beginning of the statement at `cursor`.
pub(super) fn head(mut cursor: Cursor<'_>) -> Head<'_> {
    let verb = take_verb(&mut cursor);
    let mut inner = verb;
    if inner == Verb::Explain {
        skip_explain_options(&mut cursor);
        inner = take_verb(&mut cursor);
    }
    let is_routine = inner == Verb::Create && is_routine(cursor);
    let names_only = matches!(inner, Verb::Grant | Verb::Revoke | Verb::Comment | Verb::Drop);
    let effects = effects(inner, &mut cursor);
    Head { verb, effects, calls: !is_routine && !names_only, is_routine }
}

fn take_verb(cursor: &mut Cursor<'_>) -> Verb {
    while cursor.eat_kind(Kind::Punct(b'(')) {}
    let verb = cursor.token().map_or(Verb::Other, Verb::of);
    cursor.advance();
    verb
}

fn skip_explain_options(cursor: &mut Cursor<'_>) {
    while cursor.eat_any(&[b"analyze", b"analyse", b"verbose"]) {}
    let is_options = cursor.is_kind(Kind::Punct(b'('))
        && cursor
            .peek()
            .is_some_and(|next| next.kind != Kind::Punct(b'(') && !Verb::of(next).is_query());
    if is_options {
        cursor.skip_group();
    }
}

fn effects<'a>(verb: Verb, cursor: &mut Cursor<'a>) -> [Option<Effect<'a>>; 2] {
    match verb {
        Verb::Create => create(*cursor),
        Verb::Drop => drop(cursor),
        Verb::Alter => alter(cursor),
        _ => [effect(verb, cursor), None],
    }
}

fn effect<'a>(verb: Verb, cursor: &mut Cursor<'a>) -> Option<Effect<'a>> {
    match verb {
        Verb::Begin => Some(begin(cursor)),
        Verb::Start => cursor.is(b"transaction").then(|| begin(cursor)),
        Verb::Commit | Verb::End if cursor.is(b"prepared") => Some(Effect::CommitPrepared),
        Verb::Commit | Verb::End => Some(Effect::Commit { chain: chain(cursor) }),
        Verb::Rollback | Verb::Abort => Some(rollback(cursor)),
        Verb::Savepoint => Some(Effect::Savepoint),
        Verb::Release => Some(Effect::Release),
        Verb::Set => set::set(cursor),
        Verb::Reset => set::reset(cursor),
        Verb::Listen => cursor.name().map(|channel| Effect::Listen { channel }),
        Verb::Unlisten => Some(Effect::Unlisten { channel: cursor.name() }),
        Verb::Notify => Some(Effect::Notify),
        Verb::Declare => declare(cursor),
        Verb::Close if cursor.is(b"all") => Some(Effect::CloseCursor { name: None }),
        Verb::Close => cursor.name().map(|name| Effect::CloseCursor { name: Some(name) }),
        Verb::Prepare => prepare(cursor),
        Verb::Execute => cursor.name().map(|name| Effect::Execute { name }),
        Verb::Deallocate => deallocate(cursor),
        Verb::Discard => discard(cursor),
        Verb::Load => Some(Effect::Load),
        Verb::Copy => Some(copy(*cursor)),
        Verb::Do => Some(Effect::Do),
        Verb::Call => Some(Effect::Call),
        Verb::Vacuum => Some(Effect::NotInTransaction),
        Verb::Cluster | Verb::Repack => {
            is_whole_cluster(cursor).then_some(Effect::NotInTransaction)
        }
        Verb::Reindex => is_wide_reindex(*cursor).then_some(Effect::NotInTransaction),
        Verb::Select
        | Verb::Insert
        | Verb::Update
        | Verb::Delete
        | Verb::With
        | Verb::Values
        | Verb::Table
        | Verb::Merge
        | Verb::Show
        | Verb::Fetch
        | Verb::Move
        | Verb::Lock
        | Verb::Create
        | Verb::Alter
        | Verb::Drop
        | Verb::Truncate
        | Verb::Grant
        | Verb::Revoke
        | Verb::Comment
        | Verb::Refresh
        | Verb::Analyze
        | Verb::Explain
        | Verb::Other
        | Verb::None => None,
    }
}

fn begin<'a>(cursor: &mut Cursor<'a>) -> Effect<'a> {
    cursor.eat_any(&[b"work", b"transaction"]);
    Effect::Begin { bare: cursor.at_end() }
}

fn chain(cursor: &mut Cursor<'_>) -> bool {
    cursor.eat_any(&[b"work", b"transaction"]);
    cursor.eat_all(&[b"and", b"chain"])
}

fn rollback<'a>(cursor: &mut Cursor<'a>) -> Effect<'a> {
    if cursor.is(b"prepared") {
        return Effect::RollbackPrepared;
    }
    let chain = chain(cursor);
    if cursor.is(b"to") { Effect::RollbackTo } else { Effect::Rollback { chain } }
}

fn declare<'a>(cursor: &mut Cursor<'a>) -> Option<Effect<'a>> {
    let name = cursor.name()?;
    while cursor.eat_any(&[b"binary", b"asensitive", b"insensitive", b"no", b"scroll"]) {}
    cursor.eat(b"cursor");
    Some(Effect::DeclareCursor { name, hold: cursor.eat_all(&[b"with", b"hold"]) })
}

fn prepare<'a>(cursor: &mut Cursor<'a>) -> Option<Effect<'a>> {
    let is_two_phase = cursor.is(b"transaction")
        && cursor.peek().is_some_and(|next| matches!(next.kind, Kind::String | Kind::Dollar));
    if is_two_phase {
        return Some(Effect::PrepareTransaction);
    }
    cursor.name().map(|name| Effect::Prepare { name })
}

fn deallocate<'a>(cursor: &mut Cursor<'a>) -> Option<Effect<'a>> {
    let is_named_prepare = cursor.peek().is_none_or(|next| next.kind == Kind::Punct(b';'));
    if !is_named_prepare {
        cursor.eat(b"prepare");
    }
    if cursor.is(b"all") {
        return Some(Effect::Deallocate { name: None });
    }
    cursor.name().map(|name| Effect::Deallocate { name: Some(name) })
}

fn discard<'a>(cursor: &mut Cursor<'a>) -> Option<Effect<'a>> {
    let parts: [(&[u8], Effect<'a>); 5] = [
        (b"all", Effect::DiscardAll),
        (b"plans", Effect::DiscardPlans),
        (b"temp", Effect::DiscardTemp),
        (b"temporary", Effect::DiscardTemp),
        (b"sequences", Effect::DiscardSequences),
    ];
    parts.iter().find(|(word, _)| cursor.is(word)).map(|&(_, effect)| effect)
}

fn copy<'a>(cursor: Cursor<'a>) -> Effect<'a> {
    let ends = |mut cursor: Cursor<'a>, word: &[u8]| {
        cursor.find(&[word]) && cursor.eat_any(&[b"stdin", b"stdout"])
    };
    Effect::Copy { from_client: ends(cursor, b"from"), to_client: ends(cursor, b"to") }
}

/// `CLUSTER` without a table goes through all tables, each in a transaction of its own.
fn is_whole_cluster(cursor: &mut Cursor<'_>) -> bool {
    cursor.eat(b"verbose");
    cursor.skip_group();
    cursor.at_end()
}

fn is_wide_reindex(mut cursor: Cursor<'_>) -> bool {
    let wide: [&[u8]; 4] = [b"concurrently", b"database", b"system", b"schema"];
    while !cursor.at_end() {
        if wide.iter().any(|word| cursor.is(word)) {
            return true;
        }
        cursor.advance();
    }
    false
}

fn is_routine(mut cursor: Cursor<'_>) -> bool {
    cursor.eat_all(&[b"or", b"replace"]);
    cursor.is(b"function") || cursor.is(b"procedure")
}

fn create(mut cursor: Cursor<'_>) -> [Option<Effect<'_>>; 2] {
    if cursor.eat(b"database") {
        cursor.advance();
        cursor.find(&[b"template"]);
        if cursor.token().is_some_and(|token| token.text == b"=") {
            cursor.advance();
        }
        let template = cursor.name();
        return [Some(Effect::NotInTransaction), Some(Effect::CreateDatabase { template })];
    }
    if cursor.is(b"tablespace") || cursor.is(b"subscription") || is_concurrent_index(cursor) {
        return [Some(Effect::NotInTransaction), None];
    }
    cursor.eat_all(&[b"or", b"replace"]);
    let is_temp = is_temporary(&mut cursor) || is_in_temp_schema(cursor);
    let on_commit_drop = is_temp && cursor.find(&[b"on", b"commit", b"drop"]);
    [is_temp.then_some(Effect::CreateTemp { on_commit_drop }), None]
}

fn is_concurrent_index(mut cursor: Cursor<'_>) -> bool {
    cursor.eat(b"unique");
    cursor.eat_all(&[b"index", b"concurrently"])
}

fn is_temporary(cursor: &mut Cursor<'_>) -> bool {
    cursor.eat_any(&[b"global", b"local"]);
    cursor.eat_any(&[b"temp", b"temporary"])
}

/// Whether the new object's name begins with the temporary schema's.
fn is_in_temp_schema(mut cursor: Cursor<'_>) -> bool {
    while !cursor.at_end() && !cursor.is_kind(Kind::Punct(b'(')) && !cursor.is(b"as") {
        if names_temp_schema(&cursor) {
            return true;
        }
        cursor.advance();
    }
    false
}

/// Whether `pg_temp.` (or `pg_temp_3.`) comes.
pub(super) fn names_temp_schema(cursor: &Cursor<'_>) -> bool {
    let is_schema = cursor.token().is_some_and(|token| match token.kind {
        Kind::Word => {
            token.text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case(b"pg_temp"))
        }
        Kind::Quoted => token.text.starts_with(b"\"pg_temp"),
        Kind::String
        | Kind::Dollar
        | Kind::Number
        | Kind::Parameter
        | Kind::Operator
        | Kind::Punct(_)
        | Kind::Comment
        | Kind::Other => false,
    });
    is_schema && cursor.peek().is_some_and(|next| next.kind == Kind::Punct(b'.'))
}

fn drop<'a>(cursor: &mut Cursor<'a>) -> [Option<Effect<'a>>; 2] {
    if cursor.eat(b"database") {
        cursor.eat_all(&[b"if", b"exists"]);
        let dropped = cursor.name().map(|name| Effect::DropDatabase { name });
        return [Some(Effect::NotInTransaction), dropped];
    }
    let alone = cursor.is(b"tablespace")
        || cursor.is(b"subscription")
        || cursor.eat_all(&[b"index", b"concurrently"]);
    [alone.then_some(Effect::NotInTransaction), None]
}

fn alter<'a>(cursor: &mut Cursor<'a>) -> [Option<Effect<'a>>; 2] {
    if cursor.is(b"system") {
        return [Some(Effect::NotInTransaction), None];
    }
    if cursor.eat(b"database") {
        let Some(name) = cursor.name() else { return [None, None] };
        if cursor.eat(b"rename") {
            return [Some(Effect::AlterDatabaseRename { name }), None];
        }
        let moves = cursor.eat_all(&[b"set", b"tablespace"]);
        return [moves.then_some(Effect::NotInTransaction), None];
    }
    let detaches = cursor.eat(b"table") && cursor.find(&[b"concurrently"]);
    [detaches.then_some(Effect::NotInTransaction), None]
}
