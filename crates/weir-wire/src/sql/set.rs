//! `SET` and `RESET`, with their special forms.

use super::cursor::Cursor;
use super::effect::{Effect, Scope, SetValue};
use super::lex::Kind;

/// What a `SET` does, from the token after the word; `None` when it ends with the transaction
/// anyway (`SET TRANSACTION`, `SET CONSTRAINTS`) or makes no sense.
pub(super) fn set<'a>(cursor: &mut Cursor<'a>) -> Option<Effect<'a>> {
    let scope = scope(cursor);
    if is_special(cursor, b"session") {
        cursor.advance();
    }
    if is_special(cursor, b"characteristics") {
        return Some(Effect::SetCharacteristics);
    }
    if is_special(cursor, b"authorization") {
        return authorization(cursor, scope);
    }
    if is_special(cursor, b"transaction") || is_special(cursor, b"constraints") {
        return None;
    }
    let (name, value) = special(cursor).or_else(|| assignment(cursor))?;
    Some(Effect::Set { scope, name, value })
}

/// What a `RESET` does, from the token after the word.
pub(super) fn reset<'a>(cursor: &mut Cursor<'a>) -> Option<Effect<'a>> {
    if cursor.is(b"all") {
        return Some(Effect::ResetAll);
    }
    let name: &[u8] = if cursor.eat_all(&[b"time", b"zone"]) {
        b"TimeZone"
    } else if cursor.eat_all(&[b"session", b"authorization"]) {
        b"session_authorization"
    } else if cursor.eat_all(&[b"transaction", b"isolation", b"level"]) {
        b"transaction_isolation"
    } else {
        setting(cursor)?
    };
    Some(Effect::Reset { name })
}

fn scope(cursor: &mut Cursor<'_>) -> Scope {
    if is_special(cursor, b"local") {
        cursor.advance();
        return Scope::Local;
    }
    if is_special(cursor, b"session") {
        cursor.advance();
    }
    Scope::Session
}

/// Whether the keyword `word` comes and is not itself a setting's name.
fn is_special(cursor: &Cursor<'_>, word: &[u8]) -> bool {
    cursor.is(word)
        && !cursor.peek().is_some_and(|next| {
            next.kind == Kind::Punct(b'.')
                || next.text == b"="
                || next.is(b"to")
                || next.is(b"from")
        })
}

fn authorization<'a>(cursor: &mut Cursor<'a>, scope: Scope) -> Option<Effect<'a>> {
    let name = b"session_authorization";
    cursor.eat(b"authorization").then(|| Effect::Set { scope, name, value: value(*cursor) })
}

/// The forms that have a grammar of their own, as the settings they stand for.
fn special<'a>(cursor: &mut Cursor<'a>) -> Option<(&'a [u8], SetValue<'a>)> {
    let forms: [(&[u8], &[u8], &'a [u8]); 5] = [
        (b"time", b"zone", b"TimeZone"),
        (b"names", b"", b"client_encoding"),
        (b"role", b"", b"role"),
        (b"schema", b"", b"search_path"),
        (b"xml", b"option", b"xmloption"),
    ];
    let &(_, second, name) = forms.iter().find(|(first, _, _)| is_special(cursor, first))?;
    cursor.advance();
    if !second.is_empty() && !cursor.eat(second) {
        return None;
    }
    if name == b"TimeZone" {
        return Some((name, time_zone(*cursor)));
    }
    Some((name, value(*cursor)))
}

fn time_zone(cursor: Cursor<'_>) -> SetValue<'_> {
    if cursor.is(b"interval") {
        SetValue::Opaque
    } else if cursor.is(b"local") {
        SetValue::Default
    } else {
        value(cursor)
    }
}

/// `name TO value`, `name = value`, `name FROM CURRENT`.
fn assignment<'a>(cursor: &mut Cursor<'a>) -> Option<(&'a [u8], SetValue<'a>)> {
    let name = setting(cursor)?;
    if cursor.eat_all(&[b"from", b"current"]) {
        return Some((name, SetValue::Opaque));
    }
    if !cursor.eat(b"to") {
        cursor.token().filter(|token| token.text == b"=")?;
        cursor.advance();
    }
    Some((name, value(*cursor)))
}

fn value(cursor: Cursor<'_>) -> SetValue<'_> {
    match cursor.rest() {
        [] => SetValue::Default,
        raw if raw.eq_ignore_ascii_case(b"default") => SetValue::Default,
        raw => SetValue::Literal(raw),
    }
}

/// Takes the name of a setting: identifiers joined by dots.
fn setting<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let first = cursor.name()?;
    let mut end = first.span().end;
    while cursor.eat_kind(Kind::Punct(b'.')) {
        end = cursor.name()?.span().end;
    }
    Some(cursor.slice(first.start, end))
}
