//! From text to orders to the healers.

use crate::healing::{Exempted, Subject};
use crate::session::Notice;

use super::command::Command;
use super::healing::{Intervention, Victims, fingerprint_of};
use super::parse::{syntax_of, wrong};
use super::snapshot::Serial;

/// Reads what follows the verb of one order.
pub(super) fn read(verb: &str, words: &[String]) -> Result<Command, Notice> {
    let (words, dry_run) = match words {
        [before @ .., dry, run] if is(dry, "dry") && is(run, "run") => (before, true),
        _ => (words, false),
    };
    let (words, off) = last(words, "off");
    let (words, force) = last(words, "force");
    let order = match (verb, words, off, force) {
        ("freeze", [], false, false) => Some(Intervention::Freeze),
        ("unfreeze", [], false, false) => Some(Intervention::Unfreeze),
        ("evict", [kind, name], false, _) => {
            victims(kind, name).map(|whom| Intervention::Evict { whom, force })
        }
        ("cap", [kind, route], true, false) if is(kind, "route") => {
            Some(Intervention::Cap { route: route.clone(), slots: None })
        }
        ("cap", [kind, route, slots], false, false) if is(kind, "route") => {
            let slots = slots.parse().ok().filter(|&slots| slots > 0);
            slots.map(|slots| Intervention::Cap { route: route.clone(), slots: Some(slots) })
        }
        ("quarantine", [kind, name], _, false) => {
            subject(kind, name).map(|subject| Intervention::Quarantine { subject, off })
        }
        ("exempt", [kind, name], _, false) => {
            exempted(kind, name).map(|whom| Intervention::Exempt { whom, off })
        }
        _ => None,
    };
    match order {
        Some(order) => Ok(Command::Heal { order, dry_run }),
        None => {
            let message = format!("cannot read this {}", verb.to_ascii_uppercase());
            Err(wrong(message, syntax_of(verb)))
        }
    }
}

fn is(word: &str, keyword: &str) -> bool {
    word.eq_ignore_ascii_case(keyword)
}

/// The words without that keyword at their end, and whether it was there. A name comes second, so
/// that one of two words is no keyword.
fn last<'a>(words: &'a [String], keyword: &str) -> (&'a [String], bool) {
    match words {
        [before @ .., word] if before.len() >= 2 && is(word, keyword) => (before, true),
        _ => (words, false),
    }
}

fn victims(kind: &str, name: &str) -> Option<Victims> {
    if is(kind, "client") {
        name.parse().ok().map(|id| Victims::Client(Serial(id)))
    } else {
        is(kind, "route").then(|| Victims::Route(name.to_owned()))
    }
}

fn subject(kind: &str, name: &str) -> Option<Subject> {
    if is(kind, "fingerprint") {
        fingerprint_of(name).map(Subject::Fingerprint)
    } else {
        is(kind, "route").then(|| Subject::Route(name.into()))
    }
}

fn exempted(kind: &str, name: &str) -> Option<Exempted> {
    let name = name.to_owned();
    if is(kind, "user") {
        Some(Exempted::User(name))
    } else if is(kind, "application") {
        Some(Exempted::Application(name))
    } else {
        is(kind, "route").then_some(Exempted::Route(name))
    }
}
