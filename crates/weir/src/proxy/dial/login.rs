//! The client's half of a login to a server: startup, proof, and what the server tells of itself.

use weir_core::config::limits;
use weir_wire::build;
use weir_wire::frame::backend;
use weir_wire::message::{
    Authentication, BackendKeyData, ErrorFields, NegotiateProtocolVersion, ParameterStatus,
};
use weir_wire::startup::ProtocolVersion;

use super::answer::Answers;
use super::failure;
use crate::proxy::conn::{Conn, Message};
use crate::proxy::mail::DialFailure;
use crate::proxy::scram_keys::ScramKeys;
use crate::proxy::target::DialSpec;

/// The longest message of a server during login, in bytes: errors with long texts.
const MESSAGE_MAX: u32 = 1 << 16;

/// Messages between `AuthenticationOk` and `ReadyForQuery`, and in a connect query's answer.
const MESSAGES_MAX: usize = 10_000;

/// What a server tells who has logged in.
pub(super) struct LoggedIn {
    /// Process id of our backend; 0 when the server tells none, and nothing can be cancelled.
    pub(super) pid: i32,
    /// The secret for cancel requests.
    pub(super) secret: Vec<u8>,
    /// What it reported, in order; the last value of each name.
    pub(super) parameters: Vec<(String, String)>,
}

/// Logs in and runs the connect query.
pub(super) async fn log_in(
    conn: &mut Conn,
    spec: &DialSpec,
    version: ProtocolVersion,
    keys: &ScramKeys,
) -> Result<LoggedIn, DialFailure> {
    send_startup(conn, spec, version).await?;
    authenticate(conn, spec, keys).await?;
    let mut greeting = Greeting::default();
    greeting.read(conn, spec, failure::refused).await?;
    if let Some(text) = &spec.connect_query {
        let mut query = Vec::new();
        build::query(&mut query, text.as_bytes())
            .map_err(|error| failure::ours(&spec.address, &error))?;
        send(conn, spec, &query).await?;
        greeting.read(conn, spec, failure::connect_query).await?;
    }
    let (pid, secret) = greeting.key.unwrap_or((0, vec![0; 4]));
    Ok(LoggedIn { pid, secret, parameters: greeting.parameters })
}

async fn send_startup(
    conn: &mut Conn,
    spec: &DialSpec,
    version: ProtocolVersion,
) -> Result<(), DialFailure> {
    let fixed = [("user", &spec.user), ("database", &spec.database)];
    let settings = spec.parameters.iter().map(|(name, value)| (name.as_str(), value));
    let parameters =
        fixed.into_iter().chain(settings).map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let mut packet = Vec::new();
    build::startup(&mut packet, version, parameters)
        .map_err(|error| failure::ours(&spec.address, &error))?;
    send(conn, spec, &packet).await
}

/// Answers the server's questions until it is convinced.
async fn authenticate(
    conn: &mut Conn,
    spec: &DialSpec,
    keys: &ScramKeys,
) -> Result<(), DialFailure> {
    let mut answers = Answers::new(spec, keys, conn);
    for _ in 0..limits::LOGIN_MESSAGES {
        let message = receive(conn, spec).await?;
        match message.tag {
            backend::AUTHENTICATION => {
                let request = Authentication::parse(&message.body)
                    .map_err(|error| failure::lied(&spec.address, &error))?;
                if request == Authentication::Ok {
                    return answers.finish();
                }
                let reply = answers.answer(request).await?;
                send(conn, spec, &reply).await?;
            }
            backend::ERROR_RESPONSE => return Err(refusal(spec, &message.body)),
            backend::NEGOTIATE_PROTOCOL_VERSION => negotiated(spec, &message.body)?,
            backend::NOTICE_RESPONSE => {}
            other => return Err(unexpected(spec, other)),
        }
    }
    Err(failure::lied(&spec.address, &"its authentication does not end"))
}

/// A server that speaks 3.0 only has nothing to tell us: its key says so by its length. Options
/// it does not know are refused by name: we send none that begin with `_pq_.`.
fn negotiated(spec: &DialSpec, body: &[u8]) -> Result<(), DialFailure> {
    let answer = NegotiateProtocolVersion::parse(body)
        .map_err(|error| failure::lied(&spec.address, &error))?;
    match answer.version.major() {
        3 => Ok(()),
        major => Err(failure::lied(&spec.address, &format!("protocol version {major}"))),
    }
}

/// What a server says until it is ready.
#[derive(Default)]
struct Greeting {
    key: Option<(i32, Vec<u8>)>,
    parameters: Vec<(String, String)>,
}

impl Greeting {
    /// Reads until `ReadyForQuery`; an error on the way is turned into a failure by `failed`.
    async fn read(
        &mut self,
        conn: &mut Conn,
        spec: &DialSpec,
        failed: fn(&crate::proxy::target::ServerAddress, &ErrorFields<'_>) -> DialFailure,
    ) -> Result<(), DialFailure> {
        for _ in 0..MESSAGES_MAX {
            let message = receive(conn, spec).await?;
            match message.tag {
                backend::READY_FOR_QUERY => return Ok(()),
                backend::ERROR_RESPONSE => {
                    let fields = ErrorFields::parse(&message.body)
                        .map_err(|error| failure::lied(&spec.address, &error))?;
                    return Err(failed(&spec.address, &fields));
                }
                _ => self.note(&message).map_err(|e| failure::lied(&spec.address, &e))?,
            }
        }
        Err(failure::lied(&spec.address, &"it never becomes ready"))
    }

    /// Keeps parameters and the key; rows and tags of the connect query pass unseen.
    fn note(&mut self, message: &Message) -> Result<(), weir_wire::frame::Malformed> {
        match message.tag {
            backend::PARAMETER_STATUS => {
                let status = ParameterStatus::parse(&message.body)?;
                self.keep(text(status.name), text(status.value));
            }
            backend::BACKEND_KEY_DATA => {
                let data = BackendKeyData::parse(&message.body)?;
                self.key = Some((data.pid, data.key.to_vec()));
            }
            _ => {}
        }
        Ok(())
    }

    fn keep(&mut self, name: String, value: String) {
        match self.parameters.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.parameters.push((name, value)),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn refusal(spec: &DialSpec, body: &[u8]) -> DialFailure {
    match ErrorFields::parse(body) {
        Ok(fields) => failure::refused(&spec.address, &fields),
        Err(error) => failure::lied(&spec.address, &error),
    }
}

fn unexpected(spec: &DialSpec, tag: u8) -> DialFailure {
    failure::lied(&spec.address, &format!("message '{}' during login", tag.escape_ascii()))
}

async fn receive(conn: &mut Conn, spec: &DialSpec) -> Result<Message, DialFailure> {
    conn.message(MESSAGE_MAX).await.map_err(|error| failure::broken(&spec.address, &error))
}

async fn send(conn: &mut Conn, spec: &DialSpec, bytes: &[u8]) -> Result<(), DialFailure> {
    conn.send(bytes).await.map_err(|error| failure::broken(&spec.address, &error.into()))
}
