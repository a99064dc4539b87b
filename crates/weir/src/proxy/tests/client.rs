//! A scripted client that answers whatever it is asked, and says what that was.

use weir_wire::build;
use weir_wire::md5::Md5Hash;
use weir_wire::message::Authentication;
use weir_wire::scram::{Client, Nonce};

use super::world::Peer;

/// How a login ended: the questions that were asked, and the error if it failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The kinds of authentication requests, in order, before `Ok`.
    pub(super) asked: Vec<&'static str>,
    /// Code and message of the refusal.
    pub(super) refused: Option<(String, String)>,
}

/// Logs in after the startup packet has been sent.
pub(super) fn answer(
    peer: &mut Peer,
    (user, password): (&str, &str),
    end_point: Option<&[u8]>,
) -> Outcome {
    let mut outcome = Outcome { asked: Vec::new(), refused: None };
    let (mut first, mut answered) = (None, None);
    loop {
        let (tag, body) = peer.message();
        if tag == b'E' {
            let (code, message, _) = Peer::read_error(&body);
            outcome.refused = Some((code, message));
            return outcome;
        }
        assert_eq!(tag, b'R');
        let mut reply = Vec::new();
        match Authentication::parse(&body).unwrap() {
            Authentication::Ok => return outcome,
            Authentication::CleartextPassword => {
                outcome.asked.push("clear");
                build::password(&mut reply, password.as_bytes()).unwrap();
            }
            Authentication::Md5 { salt } => {
                outcome.asked.push("md5");
                let hash = Md5Hash::derive(user.as_bytes(), password.as_bytes());
                build::password(&mut reply, &hash.answer(salt)[..]).unwrap();
            }
            Authentication::Sasl { mechanisms } => {
                let client = Client::select(mechanisms, end_point.map(<[u8]>::to_vec)).unwrap();
                let mechanism = client.mechanism().name();
                outcome.asked.push(mechanism);
                let (next, data) = client.first(&Nonce::from_random(&[7; 18]));
                first = Some(next);
                let mechanism = mechanism.as_bytes();
                build::sasl_initial_response(&mut reply, mechanism, Some(&data)).unwrap();
            }
            Authentication::SaslContinue(data) => {
                let challenged = first.take().unwrap().challenge(data).unwrap();
                let keys = challenged.derive(password.as_bytes()).keys();
                let (next, data) = challenged.answer(&keys);
                answered = Some(next);
                build::sasl_response(&mut reply, &data).unwrap();
            }
            Authentication::SaslFinal(data) => answered.take().unwrap().finish(data).unwrap(),
            Authentication::Unsupported(code) => panic!("method {code}"),
        }
        peer.send(&reply);
    }
}
