//! What is remembered of texts says what reading them anew says.

use std::sync::Arc;

use proptest::prelude::*;

use crate::config::limits::LEDGER_CLASSES;
use crate::ledger::tests::read;
use crate::ledger::{Caller, ClassKind, Ledger};

/// A text by its parts: statement, route, application, trace id, user.
fn text() -> impl Strategy<Value = String> {
    let pick = |choices: &'static [&'static str]| prop::sample::select(choices);
    let parts = (
        pick(&["SELECT 1", "SELECT a FROM t", "UPDATE t SET a = 7"]),
        pick(&["", "route='/a'", "route='/b/7'", "controller='c',action='d'", "job=e"]),
        pick(&["", "app='web'", "application:shop"]),
        "[0-9a-f]{6}",
        pick(&["", "user_id='1'", "user_id='2'", "enduser.id='%41'"]),
        any::<bool>(),
    );
    parts.prop_map(|(statement, route, app, trace, user, leads)| {
        let trace = format!("traceparent='00-{trace}-01'");
        let tags: Vec<&str> =
            [route, &trace, app, user].into_iter().filter(|tag| !tag.is_empty()).collect();
        let comment = format!("/*{}*/", tags.join(","));
        if leads { format!("{comment} {statement}") } else { format!("{statement} {comment}") }
    })
}

type Said = (Arc<str>, ClassKind, bool, u32, u64);

fn said(ledger: &mut Ledger, text: &str) -> Said {
    let mark = read(ledger, text, &mut Caller::new("", "app", "app"));
    let fingerprint = ledger.fingerprint(mark).map_or(0, |fingerprint| fingerprint.0);
    let (name, kind) = (ledger.class_name(mark.class), ledger.class_kind(mark.class));
    (name, kind, mark.tagged, mark.user, fingerprint)
}

proptest! {
    #[test]
    fn a_text_says_the_same_to_a_ledger_that_knows_others(
        texts in prop::collection::vec(text(), 1..40),
    ) {
        let mut knows = Ledger::new(7);
        for text in &texts {
            let fresh = said(&mut Ledger::new(7), text);
            prop_assert_eq!(&said(&mut knows, text), &fresh, "at first: {}", text);
            prop_assert_eq!(&said(&mut knows, text), &fresh, "again: {}", text);
        }
    }
}

#[test]
fn a_route_that_gave_its_place_to_others_is_found_again_under_another_trace_id() {
    let mut ledger = Ledger::new(7);
    let text = |route: &str, trace: u32| {
        format!("SELECT 1 /*route='{route}',traceparent='00-{trace:032x}-01'*/")
    };
    let first = said(&mut ledger, &text("/first", 0));
    for number in 0..3 * LEDGER_CLASSES {
        // Letters: digits would be taken for an id.
        let word: String = format!("{number:05}").bytes().map(|b| char::from(b + 49)).collect();
        said(&mut ledger, &text(&word, 0));
    }
    assert_eq!(said(&mut ledger, &text("/first", 1)), first);
    assert_eq!(said(&mut ledger, &text("/first", 0)), first);
}
