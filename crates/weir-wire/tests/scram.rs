//! SCRAM exchanges: the RFC's, both roles against each other, and against `postgres-protocol`.

#![cfg(test)]

use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};
use postgres_protocol::password::scram_sha_256;
use proptest::prelude::*;
use weir_wire::scram::{
    Answered, Challenged, Client, Iterations, Keys, Mechanism, Nonce, ScramError, Server,
    ServerChallenged, Verifier,
};

const PLAIN: &[u8] = b"SCRAM-SHA-256";
const PLUS: &[u8] = b"SCRAM-SHA-256-PLUS";
const HASH: &[u8] = &[0xab; 32];

fn nonce(text: &str) -> Nonce {
    Nonce::from_text(text).unwrap()
}

fn verifier(password: &[u8]) -> Verifier {
    Verifier::derive(password, b"sixteen bytes...", Iterations::new(2).unwrap())
}

fn some(hash: &[u8]) -> Option<Vec<u8>> {
    Some(hash.to_vec())
}

/// Runs an exchange up to the point where both sides wait for the client's proof.
fn begin(client: Client, server: Server) -> Result<(Challenged, ServerChallenged), ScramError> {
    let mechanism = client.mechanism();
    let (client, message) = client.first(&nonce("client"));
    let (server, message) = server.client_first(mechanism, &message, &nonce("server"))?;
    Ok((client.challenge(&message)?, server))
}

fn answer(password: &[u8], client: Challenged) -> (Answered, Vec<u8>) {
    let keys = client.derive(password).keys();
    client.answer(&keys)
}

#[test]
fn the_exchange_of_rfc_7677() {
    let verifier = Verifier::derive(b"pencil", &SALT, Iterations::DEFAULT);
    let server = Server::new(verifier, None);
    let first = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    let share = nonce("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
    let (server, challenge) = server.client_first(Mechanism::Sha256, first, &share).unwrap();
    let expected = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                    s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    assert_eq!(challenge, expected.as_bytes());
    let proof = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                 p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    let accepted = server.client_final(proof.as_bytes()).unwrap();
    assert_eq!(accepted.message, b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

const SALT: [u8; 16] = [
    0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81,
];

#[test]
fn both_roles_agree_with_and_without_channel_binding() {
    let check = |offered: &[&[u8]], client_hash, server_hash, mechanism| {
        let client = Client::select(offered.iter().copied(), client_hash).unwrap();
        assert_eq!(client.mechanism(), mechanism);
        let (client, server) = begin(client, Server::new(verifier(b"x"), server_hash)).unwrap();
        let (client, message) = answer(b"x", client);
        let accepted = server.client_final(&message).unwrap();
        assert_eq!(client.finish(&accepted.message), Ok(()));
    };
    check(&[PLAIN], None, None, Mechanism::Sha256);
    check(&[PLAIN], some(HASH), None, Mechanism::Sha256);
    check(&[PLUS, PLAIN], None, some(HASH), Mechanism::Sha256);
    check(&[PLAIN, b"X", PLUS], some(HASH), some(HASH), Mechanism::Sha256Plus);
}

#[test]
fn a_login_can_be_passed_through() {
    let verifier = verifier(b"secret");
    let select = || Client::select([PLAIN], None).unwrap();
    let (client, server) = begin(select(), Server::new(verifier.clone(), None)).unwrap();
    let accepted = server.client_final(&answer(b"secret", client).1).unwrap();
    let keys = Keys { client: accepted.client_key, server: verifier.server_key().clone() };
    assert!(verifier.matches_keys(&keys));
    let (client, server) = begin(select(), Server::new(verifier.clone(), None)).unwrap();
    assert!(client.fits(&verifier));
    let (client, message) = client.answer(&keys);
    let accepted = server.client_final(&message).unwrap();
    assert_eq!(client.finish(&accepted.message), Ok(()));
}

#[test]
fn drifted_copies_of_a_password_are_told() {
    let ours = verifier(b"secret");
    let salt = Verifier::derive(b"secret", b"another salt", ours.iterations());
    let count = Verifier::derive(b"secret", ours.salt(), Iterations::new(3).unwrap());
    let client = Client::select([PLAIN], None).unwrap();
    let (client, _) = begin(client, Server::new(ours.clone(), None)).unwrap();
    assert!(client.fits(&ours) && !client.fits(&salt) && !client.fits(&count));
}

#[test]
fn a_wrong_password_and_an_unknown_user_look_the_same() {
    let mock = Verifier::mock(&[7; 32], b"nobody", Iterations::new(2).unwrap());
    for verifier in [verifier(b"right"), mock] {
        let client = Client::select([PLAIN], None).unwrap();
        let (client, server) = begin(client, Server::new(verifier, None)).unwrap();
        let error = server.client_final(&answer(b"wrong", client).1).err();
        assert_eq!(error, Some(ScramError::Proof));
    }
}

#[test]
fn a_stripped_offer_is_noticed() {
    let client = Client::select([PLAIN], some(HASH)).unwrap();
    let result = begin(client, Server::new(verifier(b"x"), some(HASH)));
    assert_eq!(result.err(), Some(ScramError::Downgrade));
}

#[test]
fn another_tls_channel_is_noticed() {
    let client = Client::select([PLAIN, PLUS], some(&[0xcd; 32])).unwrap();
    let (client, server) = begin(client, Server::new(verifier(b"x"), some(HASH))).unwrap();
    let error = server.client_final(&answer(b"x", client).1).err();
    assert_eq!(error, Some(ScramError::Binding));
}

#[test]
fn the_flag_must_fit_the_mechanism() {
    let check = |mechanism, message: &[u8], hash, expected| {
        let server = Server::new(verifier(b"x"), hash);
        let result = server.client_first(mechanism, message, &nonce("s"));
        assert_eq!(result.err(), Some(expected), "{}", message.escape_ascii());
    };
    let bound = b"p=tls-server-end-point,,n=,r=c";
    check(Mechanism::Sha256, bound, some(HASH), ScramError::BindingFlag);
    check(Mechanism::Sha256Plus, bound, None, ScramError::BindingFlag);
    check(Mechanism::Sha256Plus, b"n,,n=,r=c", some(HASH), ScramError::BindingFlag);
    check(Mechanism::Sha256Plus, b"y,,n=,r=c", some(HASH), ScramError::BindingFlag);
    let other = ScramError::Unsupported("channel-binding type");
    check(Mechanism::Sha256Plus, b"p=tls-unique,,n=,r=c", some(HASH), other);
    let flag = ScramError::Malformed("channel-binding flag");
    check(Mechanism::Sha256, b"x,,n=,r=c", None, flag.clone());
    check(Mechanism::Sha256, b"", None, flag);
    check(
        Mechanism::Sha256,
        b"n,a=admin,n=,r=c",
        None,
        ScramError::Unsupported("authorization identity"),
    );
    check(
        Mechanism::Sha256,
        b"n,,m=x,n=,r=c",
        None,
        ScramError::Unsupported("mandatory extension"),
    );
    check(Mechanism::Sha256, b"n,,n=,r=", None, ScramError::Malformed("nonce"));
    check(Mechanism::Sha256, b"n,,n=,r=c,1", None, ScramError::Malformed("extension"));
    check(Mechanism::Sha256, b"n,,n=,r=c\0", None, ScramError::Malformed("zero byte"));
}

#[test]
fn a_final_message_that_was_touched_is_refused() {
    let check = |touch: &dyn Fn(&str) -> String, expected| {
        let client = Client::select([PLAIN], None).unwrap();
        let (client, server) = begin(client, Server::new(verifier(b"x"), None)).unwrap();
        let message = String::from_utf8(answer(b"x", client).1).unwrap();
        let error = server.client_final(touch(&message).as_bytes()).err();
        assert_eq!(error, Some(expected));
    };
    check(&|m| m.replace("r=clientserver", "r=clientserves"), ScramError::Nonce);
    check(&|m| m.replace("c=biws", "c=eSws"), ScramError::Malformed("channel binding"));
    check(&|m| m.replace(",p=", ",x=1,p="), ScramError::Proof);
    check(&|m| m.replace(",p=", ",1=1,p="), ScramError::Malformed("extension"));
    check(&|m| format!("{m},p=AAAA"), ScramError::Malformed("proof"));
    check(&|m| m.replace(",p=", ",q="), ScramError::Malformed("proof"));
    check(&|_| "c=biws".into(), ScramError::Malformed("proof"));
    check(&|m| format!("{m}{}", "a".repeat(1024)), ScramError::Malformed("length"));
}

#[test]
fn a_client_believes_no_challenge_that_is_wrong() {
    let check = |message: &str, expected| {
        let (client, _) = Client::select([PLAIN], None).unwrap().first(&nonce("mine"));
        assert_eq!(client.challenge(message.as_bytes()).err(), expected, "{message}");
    };
    check("r=mine1,s=AAAA,i=1", None);
    check("r=mine1,s=AAAA,i=1000000", None);
    check("r=mine1,s=AAAA,i=1000001", Some(ScramError::Iterations(1_000_001)));
    check("r=mine,s=AAAA,i=1", Some(ScramError::Nonce));
    check("r=yours,s=AAAA,i=1", Some(ScramError::Nonce));
    check("r=mine1,s=AA,i=1", Some(ScramError::Malformed("salt")));
    check("r=mine1,s=AAAA,i=0", Some(ScramError::Malformed("iteration count")));
    check("r=mine1,s=AAAA,i=1,x=1", Some(ScramError::Malformed("end of message")));
    check("m=1,r=mine1,s=AAAA,i=1", Some(ScramError::Unsupported("mandatory extension")));
}

#[test]
fn a_server_must_prove_itself_too() {
    let check = |touch: &dyn Fn(&[u8]) -> Vec<u8>, expected| {
        let client = Client::select([PLAIN], None).unwrap();
        let (client, server) = begin(client, Server::new(verifier(b"x"), None)).unwrap();
        let (client, message) = answer(b"x", client);
        let message = server.client_final(&message).unwrap().message;
        assert_eq!(client.finish(&touch(&message)), expected);
    };
    check(&<[u8]>::to_vec, Ok(()));
    let zeros = [b"v=", &[b'A'; 43][..], b"="].concat();
    check(&|_| zeros.clone(), Err(ScramError::ServerSignature));
    check(&|_| b"e=invalid-proof".to_vec(), Err(ScramError::Refused("invalid-proof".into())));
    check(&|_| b"e=\x1b[2J".to_vec(), Err(ScramError::Refused("\\x1b[2J".into())));
    check(&|m| [m, b",x=1"].concat(), Err(ScramError::Malformed("end of message")));
    check(&|_| Vec::new(), Err(ScramError::Malformed("server signature")));
}

#[test]
fn without_a_common_mechanism_nothing_is_said() {
    for (offered, hash) in [(vec![], None), (vec![PLUS], None), (vec![&b"X"[..]], some(HASH))] {
        let result = Client::select(offered, hash);
        assert_eq!(result.err(), Some(ScramError::NoMechanism));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// A foreign client, with any password, gets in exactly with the right one.
    #[test]
    fn a_foreign_client_agrees(
        password in "[ -~]{1,20}", wrong in any::<bool>(), bind in any::<bool>(),
    ) {
        let ours = if wrong { format!("{password}!") } else { password.clone() };
        let (binding, hash, mechanism) = if bind {
            let binding = ChannelBinding::tls_server_end_point(HASH.to_vec());
            (binding, some(HASH), Mechanism::Sha256Plus)
        } else {
            (ChannelBinding::unsupported(), None, Mechanism::Sha256)
        };
        let mut client = ScramSha256::new(password.as_bytes(), binding);
        let server = Server::new(verifier(ours.as_bytes()), hash);
        let first = client.message().to_vec();
        let (server, challenge) = server.client_first(mechanism, &first, &nonce("s")).unwrap();
        client.update(&challenge).unwrap();
        let result = server.client_final(client.message());
        prop_assert_eq!(result.is_err(), wrong);
        if let Ok(accepted) = result {
            prop_assert!(client.finish(&accepted.message).is_ok());
        }
    }

    /// Whatever a client sends, the server answers or refuses.
    #[test]
    fn a_server_survives_any_bytes(first in any::<Vec<u8>>(), last in any::<Vec<u8>>()) {
        let server = || Server::new(verifier(b"x"), None);
        for mechanism in [Mechanism::Sha256, Mechanism::Sha256Plus] {
            prop_assert!(server().client_first(mechanism, &first, &nonce("s")).is_err());
        }
        let (server, _) =
            server().client_first(Mechanism::Sha256, b"n,,n=,r=c", &nonce("s")).unwrap();
        prop_assert!(server.client_final(&last).is_err());
    }

    /// Messages that look right almost everywhere are the ones that reach deep.
    #[test]
    fn a_near_miss_is_refused(at in any::<usize>(), byte in any::<u8>()) {
        let client = Client::select([PLAIN], None).unwrap();
        let (client, server) = begin(client, Server::new(verifier(b"x"), None)).unwrap();
        let mut message = answer(b"x", client).1;
        let at = at % message.len();
        let same = message[at] == byte;
        message[at] = byte;
        prop_assert_eq!(server.client_final(&message).is_ok(), same);
    }
}

#[test]
fn a_foreign_verifier_is_read() {
    let text = scram_sha_256("p\u{e4}ss".as_bytes());
    assert!(Verifier::parse(&text).unwrap().matches_password("p\u{e4}ss".as_bytes()));
}
