//! A client that says anything must never get in: no password fits the mock verifier.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_wire::scram::{Iterations, Mechanism, Nonce, Server, Verifier};

fuzz_target!(|messages: (bool, bool, &[u8], &[u8])| {
    let (bound, plus, first, last) = messages;
    let verifier = Verifier::mock(&[1; 32], b"nobody", Iterations::DEFAULT);
    let end_point = bound.then(|| vec![2; 32]);
    let mechanism = if plus { Mechanism::Sha256Plus } else { Mechanism::Sha256 };
    let nonce = Nonce::from_random(&[3; 18]);
    let server = Server::new(verifier, end_point);
    let Ok((server, _)) = server.client_first(mechanism, first, &nonce) else { return };
    assert!(server.client_final(last).is_err());
});
