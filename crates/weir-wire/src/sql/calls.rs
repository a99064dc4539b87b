//! What stands anywhere in a statement: calls of functions that touch the session, and targets.

use super::cursor::Cursor;
use super::effect::Effect;
use super::lex::{Kind, Token};

/// Tokens of one argument that are looked at before the rest counts as unknown.
const ARGUMENT_TOKENS_MAX: usize = 32;

/// What the call of `function` does; `cursor` is at its opening parenthesis.
pub(super) fn call<'a>(function: Token<'a>, cursor: Cursor<'a>) -> Option<Effect<'a>> {
    let (name, exact) = match function.text {
        [b'u' | b'U', b'&', b'"', name @ .., b'"'] | [b'"', name @ .., b'"'] => (name, true),
        name => (name, false),
    };
    let is = |builtin: &str| {
        if exact {
            name == builtin.as_bytes()
        } else {
            name.eq_ignore_ascii_case(builtin.as_bytes())
        }
    };
    if !matches!(name.first().map(u8::to_ascii_lowercase), Some(b'p' | b's' | b'd')) {
        return None;
    }
    let effect = if is("set_config") {
        set_config(cursor)
    } else if is("pg_advisory_lock") {
        Effect::AdvisoryLock { shared: false, attempt: false }
    } else if is("pg_try_advisory_lock") {
        Effect::AdvisoryLock { shared: false, attempt: true }
    } else if is("pg_advisory_lock_shared") {
        Effect::AdvisoryLock { shared: true, attempt: false }
    } else if is("pg_try_advisory_lock_shared") {
        Effect::AdvisoryLock { shared: true, attempt: true }
    } else if is("pg_advisory_unlock") {
        Effect::AdvisoryUnlock { shared: false }
    } else if is("pg_advisory_unlock_shared") {
        Effect::AdvisoryUnlock { shared: true }
    } else if is("pg_advisory_unlock_all") {
        Effect::AdvisoryUnlockAll
    } else if is("pg_notify") {
        Effect::Notify
    } else if SESSION_FUNCTIONS.iter().any(|function| is(function)) {
        Effect::SessionFunction
    } else {
        return None;
    };
    Some(effect)
}

/// Functions that leave something in the session that nothing else here names.
const SESSION_FUNCTIONS: [&str; 6] = [
    "setseed",
    "dblink_connect",
    "dblink_connect_u",
    "pg_replication_origin_session_setup",
    "pg_create_logical_replication_slot",
    "pg_create_physical_replication_slot",
];

/// Whether a quoted identifier may be any name: `U&"…"` with escapes.
pub(super) fn is_escaped(token: Token<'_>, next: Option<Token<'_>>) -> bool {
    matches!(token.text, [b'u' | b'U', b'&', b'"', ..])
        && (token.text.contains(&b'\\') || next.is_some_and(|next| next.is(b"uescape")))
}

/// Reads `(name, value, local)`; whatever is not a constant is unknown.
fn set_config(mut cursor: Cursor<'_>) -> Effect<'_> {
    cursor.advance();
    let name = argument(&mut cursor).and_then(string);
    let value = argument(&mut cursor).and_then(string);
    let local = argument(&mut cursor).and_then(|token| match token {
        token if token.is(b"true") => Some(true),
        token if token.is(b"false") => Some(false),
        _ => None,
    });
    Effect::SetConfig { name, value, local }
}

fn string(token: Token<'_>) -> Option<&[u8]> {
    matches!(token.kind, Kind::String | Kind::Dollar).then_some(token.text)
}

/// Takes an argument and the comma after it. Gives its token if it is but one, or one with a cast.
fn argument<'a>(cursor: &mut Cursor<'a>) -> Option<Token<'a>> {
    let mut first = cursor.token();
    let mut depth = 0_usize;
    for count in 0..ARGUMENT_TOKENS_MAX {
        let token = cursor.token()?;
        match token.kind {
            Kind::Punct(b',') if depth == 0 => {
                cursor.advance();
                return first.filter(|_| count > 0);
            }
            Kind::Punct(b')' | b';') if depth == 0 => return first.filter(|_| count > 0),
            Kind::Punct(b'(') => depth += 1,
            Kind::Punct(b')') => depth -= 1,
            Kind::Word
            | Kind::Quoted
            | Kind::String
            | Kind::Dollar
            | Kind::Number
            | Kind::Parameter
            | Kind::Operator
            | Kind::Punct(_)
            | Kind::Comment
            | Kind::Other => {}
        }
        let is_cast = count == 1 && token.text == b"::" || count == 2 && token.kind == Kind::Word;
        if count > 0 && !is_cast {
            first = None;
        }
        cursor.advance();
    }
    None
}

/// Whether `pg_settings` comes, which calls `set_config` when it is updated.
pub(super) fn names_settings_view(mut cursor: Cursor<'_>) -> bool {
    cursor.eat(b"only");
    if cursor.is(b"pg_catalog") {
        cursor.advance();
        cursor.eat_kind(Kind::Punct(b'.'));
    }
    cursor.token().is_some_and(|token| token.is(b"pg_settings") || token.text == b"\"pg_settings\"")
}
