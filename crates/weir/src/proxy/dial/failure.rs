//! Failures of dials, in words.

use std::fmt::Display;
use std::io;
use std::time::Duration;

use rustls::CertificateError;
use weir_wire::error::SqlState;
use weir_wire::message::ErrorFields;

use crate::proxy::conn::Broken;
use crate::proxy::mail::DialFailure;
use crate::proxy::target::ServerAddress;

fn temporary(sqlstate: SqlState, message: String) -> DialFailure {
    DialFailure { message, sqlstate: *sqlstate.as_bytes(), permanent: false }
}

fn permanent(sqlstate: SqlState, message: String) -> DialFailure {
    DialFailure { message, sqlstate: *sqlstate.as_bytes(), permanent: true }
}

/// The kernel could not connect.
pub(super) fn unreachable(address: &ServerAddress, error: &io::Error) -> DialFailure {
    let advice = match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => {
            " (is PostgreSQL running and listening there?)"
        }
        _ => "",
    };
    temporary(
        SqlState::UNABLE_TO_CONNECT,
        format!("cannot connect to PostgreSQL at {address}: {error}{advice}"),
    )
}

/// The host's name has no address.
pub(super) fn unresolved(address: &ServerAddress, error: &io::Error) -> DialFailure {
    temporary(
        SqlState::UNABLE_TO_CONNECT,
        format!("cannot find an address for PostgreSQL at {address}: {error}"),
    )
}

/// The time limit passed.
pub(super) fn timed_out(address: &ServerAddress, limit: Duration) -> DialFailure {
    temporary(
        SqlState::UNABLE_TO_CONNECT,
        format!("PostgreSQL at {address} did not complete a login within {limit:?}"),
    )
}

/// The server does not do TLS and we insist.
pub(super) fn no_tls(address: &ServerAddress) -> DialFailure {
    permanent(
        SqlState::UNABLE_TO_CONNECT,
        format!(
            "PostgreSQL at {address} does not offer TLS: switch `ssl` on there, or set \
             tls.server.mode to `prefer`"
        ),
    )
}

/// The TLS handshake failed.
pub(super) fn handshake(address: &ServerAddress, error: &io::Error) -> DialFailure {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let advice = match inner {
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            " (tls.server.ca must hold the certificate of the authority that signed the server's)"
        }
        Some(_) | None => "",
    };
    let message = format!("TLS with PostgreSQL at {address} failed: {error}{advice}");
    match inner {
        Some(rustls::Error::InvalidCertificate(_)) => {
            permanent(SqlState::UNABLE_TO_CONNECT, message)
        }
        Some(_) | None => temporary(SqlState::UNABLE_TO_CONNECT, message),
    }
}

/// Something came between the TLS request and the handshake (CVE-2021-23222).
pub(super) fn stuffed(address: &ServerAddress) -> DialFailure {
    temporary(
        SqlState::PROTOCOL_VIOLATION,
        format!("PostgreSQL at {address} sent data in plain text after agreeing to TLS"),
    )
}

/// The connection broke during login.
pub(super) fn broken(address: &ServerAddress, error: &Broken) -> DialFailure {
    match error {
        Broken::Closed => temporary(
            SqlState::CONNECTION_FAILURE,
            format!("PostgreSQL at {address} closed the connection during login"),
        ),
        Broken::Io(error) => temporary(
            SqlState::CONNECTION_FAILURE,
            format!("the connection to PostgreSQL at {address} broke during login: {error}"),
        ),
        Broken::Malformed(error) => lied(address, error),
    }
}

/// The server broke the protocol.
pub(super) fn lied(address: &ServerAddress, error: &impl Display) -> DialFailure {
    temporary(
        SqlState::PROTOCOL_VIOLATION,
        format!("what answers at {address} does not speak PostgreSQL's protocol: {error}"),
    )
}

/// Something of ours does not fit into a message.
pub(super) fn ours(address: &ServerAddress, error: &impl Display) -> DialFailure {
    permanent(
        SqlState::UNABLE_TO_CONNECT,
        format!("cannot log in to PostgreSQL at {address}: {error}"),
    )
}

/// We cannot prove the role in the way the server asks.
pub(super) fn credential(address: &ServerAddress, user: &str, why: &str) -> DialFailure {
    permanent(
        SqlState::INVALID_AUTHORIZATION,
        format!("cannot log in to PostgreSQL at {address} as \"{user}\": {why}"),
    )
}

/// The server said no.
pub(super) fn refused(address: &ServerAddress, fields: &ErrorFields<'_>) -> DialFailure {
    let sqlstate = fields.sqlstate().unwrap_or(SqlState::CONNECTION_REJECTED);
    let text = |bytes: Option<&[u8]>| bytes.map(|b| String::from_utf8_lossy(b).into_owned());
    let mut message = format!(
        "PostgreSQL at {address} refused the login: {}",
        text(fields.message()).unwrap_or_default()
    );
    for (label, value) in [("detail", text(fields.detail())), ("hint", text(fields.hint()))] {
        if let Some(value) = value {
            message.push_str(&format!(" ({label}: {value})"));
        }
    }
    DialFailure { message, sqlstate: *sqlstate.as_bytes(), permanent: is_permanent(sqlstate) }
}

/// The connect query failed.
pub(super) fn connect_query(address: &ServerAddress, fields: &ErrorFields<'_>) -> DialFailure {
    let mut failure = refused(address, fields);
    failure.message = format!("connect_query failed: {}", failure.message);
    failure
}

/// Whether the server refused the protocol version itself.
pub(super) fn is_about_the_version(failure: &DialFailure) -> bool {
    [SqlState::FEATURE_NOT_SUPPORTED, SqlState::PROTOCOL_VIOLATION]
        .iter()
        .any(|code| code.as_bytes() == &failure.sqlstate)
}

/// Wrong password, no permission to log in, no such database: another attempt fails alike.
fn is_permanent(sqlstate: SqlState) -> bool {
    [
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION,
        SqlState::INVALID_CATALOG_NAME,
        SqlState::INSUFFICIENT_PRIVILEGE,
    ]
    .contains(&sqlstate)
}
