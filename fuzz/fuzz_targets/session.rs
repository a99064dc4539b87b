//! A session between a client and a server that both say anything: it must not panic, and must
//! give its statements back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_core::ledger::{Caller, Ledger, Scribe};
use weir_core::session::{
    Ask, Context, Outbox, OverrideBook, ServerState, Session, SessionSettings, Shared, Statements,
    Tally,
};
use weir_core::time::Instant;

fuzz_target!(|turns: Vec<(bool, Vec<u8>)>| {
    let mut shared =
        Shared { statements: Statements::new(1, 8), overrides: OverrideBook::default() };
    let empty = shared.overrides.empty();
    let (mut session, mut state) = (Session::new(empty.clone()), ServerState::new(empty));
    let (settings, mut tally, mut leased) = (SessionSettings::default(), Tally::default(), false);
    let (mut ledger, mut caller) = (Ledger::new(1), Caller::new("", "a", "a"));
    for (is_client, bytes) in turns {
        let (mut to_client, mut to_server, mut let_go) =
            (Outbox::default(), Outbox::default(), Vec::new());
        let mut at = 0;
        while at <= bytes.len() {
            let mut cx = Context {
                now: Instant::ZERO,
                settings: &settings,
                shared: &mut shared,
                server: leased.then_some(&mut state),
                to_client: &mut to_client,
                to_server: &mut to_server,
                tally: &mut tally,
                scribe: Scribe {
                    ledger: &mut ledger,
                    caller: Some(&mut caller),
                    server: None,
                },
                let_go: &mut let_go,
            };
            let input = &bytes[at..];
            let step = if is_client {
                session.client_bytes(&mut cx, input)
            } else {
                session.server_bytes(&mut cx, input)
            };
            to_client.clear();
            to_server.clear();
            let Ok(step) = step else { return session.end(&mut shared) };
            assert!(step.taken <= input.len());
            at += step.taken;
            match step.ask {
                Ask::Nothing => break,
                Ask::Checkout => leased = true,
                Ask::Release => leased = false,
                Ask::Close(_) | Ask::Discard => return session.end(&mut shared),
            }
        }
    }
    session.end(&mut shared);
});
