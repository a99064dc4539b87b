//! Messages as services get them, and when.

mod bodies;
mod pace;

use super::*;
use crate::activity::Statement;
use crate::config::choices::AlertKind;
use crate::config::settings::Secret;
use crate::diagnosis::{Cause, Culprit, Finding, GapEdge, Severity};
use crate::incident::{IncidentDesk, Moment, Record, Rules, Signals, State, Wall};
use crate::time::Instant;

const NOW: u64 = 1_718_964_900_000;

/// One whole incident as the messages that tell of it.
fn messages() -> Vec<Message> {
    let mut desk = IncidentDesk::new(Rules::default(), 1);
    let edge = GapEdge { before: Statement::of(b"UPDATE t SET x = 'private'"), after: None };
    let culprit =
        Culprit { route: Some("bulk <a&b>".into()), gap: Some(edge), ..Culprit::default() };
    let finding = Finding::new(Cause::WaitsOnApplication, Severity::Critical, "40 of 40 wait")
        .culprit(culprit);
    let mut signals = Signals::default();
    let mut messages = Vec::new();
    for second in 0..120_u64 {
        let at = Wall(NOW + second * 1000);
        let now = Moment { mono: Instant::from_millis(second * 1000), wall: at };
        let bad = (1..11).contains(&second);
        signals.requests_total += 50;
        signals.refused_total += if bad { 40 } else { 0 };
        let findings = if bad { std::slice::from_ref(&finding) } else { &[] };
        for record in desk.observe(now, findings, &signals) {
            if let Record::Tell(incident) = record {
                messages.push(Message::change(
                    "shop",
                    *incident,
                    More::Kept("/var/lib/weir".into()),
                ));
            }
        }
    }
    messages
}

fn test_message() -> Message {
    Message::test("shop", Wall(NOW))
}

/// A message of a state.
fn message(state: State) -> Message {
    messages().into_iter().find(|message| message.state() == state).expect("it is told")
}

fn web(kind: AlertKind, secret: Option<&str>, message: &Message) -> Request {
    let secret = secret.map(Secret::new);
    let mention = ["13800000000".to_owned()];
    let language = crate::config::choices::Language::En;
    let sender = Sender { kind, secret: secret.as_ref(), mention: &mention, language };
    match render(&sender, message, Wall(NOW)) {
        Outgoing::Web(request) => request,
        Outgoing::Mail(mail) => panic!("{mail:?}"),
    }
}
