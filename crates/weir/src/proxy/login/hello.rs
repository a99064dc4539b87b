//! What a startup packet asks for, checked and in text.

use std::sync::Arc;

use weir_core::config::limits;
use weir_wire::build;
use weir_wire::error::SqlState;
use weir_wire::startup::{ProtocolVersion, Replication, Setting, Startup};

use super::Ended;
use crate::proxy::conn::Conn;
use crate::proxy::directory::Directory;
use crate::proxy::refusal::Refusal;

/// A startup packet that can be served, should its sender prove who they are.
#[derive(Debug, Clone)]
pub struct Hello {
    /// Who they say they are.
    pub user: Arc<str>,
    /// The database they ask for.
    pub database: Arc<str>,
    /// The settings they ask for, in the order PostgreSQL would set them.
    pub parameters: Vec<(String, String)>,
    /// The protocol version spoken with them.
    pub version: ProtocolVersion,
    /// Whether they speak TLS.
    pub tls: bool,
}

/// Checks a startup packet.
pub(super) fn read(
    directory: &Directory,
    conn: &Conn,
    startup: &mut Startup,
) -> Result<Hello, Ended> {
    let tls = conn.tls_stream().is_some();
    if !tls && !conn.socket().is_unix() && tls_is_mandatory(directory) {
        return Err(Ended::Refused(
            Refusal::new(SqlState::INVALID_AUTHORIZATION, "TLS is required")
                .hint("Connect with sslmode=require, or set tls.client.mode to prefer here."),
        ));
    }
    of(directory, startup, tls).map_err(Ended::Refused)
}

fn tls_is_mandatory(directory: &Directory) -> bool {
    directory.client_tls.as_ref().is_some_and(|tls| tls.mode.is_mandatory())
}

/// What a startup packet asks for on a connection that may be let in. Its settings are taken out.
pub(super) fn of(
    directory: &Directory,
    startup: &mut Startup,
    tls: bool,
) -> Result<Hello, Refusal> {
    match startup.replication {
        Replication::Off => {}
        Replication::Physical | Replication::Logical => return Err(no_replication()),
    }
    let settings = startup
        .take_settings()
        .map_err(|error| Refusal::new(error.sqlstate(), error.to_string()))?;
    let ignored = &directory.settings.session.ignore_startup_parameters;
    let wanted = |setting: &Setting| {
        !ignored.iter().any(|name| name.as_bytes().eq_ignore_ascii_case(&setting.name))
    };
    let parameters: Vec<_> =
        settings.into_iter().filter(wanted).map(parameter).collect::<Result<_, _>>()?;
    if parameters.len() > limits::STARTUP_PARAMETERS {
        return Err(Refusal::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "too many startup parameters")
            .detail(format!("At most {} are accepted.", limits::STARTUP_PARAMETERS)));
    }
    // FirstPacket yields only versions that can be negotiated.
    let version = startup.version.negotiated().unwrap_or(ProtocolVersion::V3_0);
    Ok(Hello {
        user: name(&startup.user, "user")?,
        database: name(&startup.database, "database")?,
        parameters,
        version,
        tls,
    })
}

fn no_replication() -> Refusal {
    Refusal::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        "replication connections are not served by the proxy",
    )
    .hint("Connect to PostgreSQL directly for replication, pg_basebackup and pg_receivewal.")
}

fn name(bytes: &[u8], what: &str) -> Result<Arc<str>, Refusal> {
    let text = str::from_utf8(bytes).map_err(|_| {
        Refusal::protocol(format!("the {what} name in the startup packet is not UTF-8"))
    })?;
    Ok(text.into())
}

/// A setting as text. Its name is made of what PostgreSQL allows in names of settings, so that it
/// can be put into SQL as it is.
fn parameter(Setting { name, value }: Setting) -> Result<(String, String), Refusal> {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$');
    let known =
        |name: &String| name.bytes().all(valid) && name.len() <= limits::PARAMETER_NAME_BYTES;
    let name = match String::from_utf8(name).map(|name| (known(&name), name)) {
        Ok((true, name)) => name,
        Ok((false, name)) => return Err(unrecognized(&name)),
        Err(error) => return Err(unrecognized(&String::from_utf8_lossy(error.as_bytes()))),
    };
    let value = String::from_utf8(value).ok();
    let value = value.filter(|value| value.len() <= limits::PARAMETER_VALUE_BYTES);
    let value = value.ok_or_else(|| {
        Refusal::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("invalid value for parameter \"{name}\" in the startup packet"),
        )
        .detail(format!(
            "It must be UTF-8 text of at most {} bytes.",
            limits::PARAMETER_VALUE_BYTES
        ))
    })?;
    Ok((name, value))
}

fn unrecognized(name: &str) -> Refusal {
    Refusal::new(
        SqlState::UNDEFINED_OBJECT,
        format!("unrecognized configuration parameter \"{name}\""),
    )
}

/// Tells a client that asked for more than we speak what it gets; before authentication, as
/// PostgreSQL does. Nothing for those that did not.
pub(super) fn negotiation(startup: &Startup) -> Result<Vec<u8>, Refusal> {
    let mut message = Vec::new();
    if !startup.needs_negotiation() {
        return Ok(message);
    }
    let version = startup.version.negotiated().unwrap_or(ProtocolVersion::V3_0);
    let options: Vec<&[u8]> = startup.protocol_options.iter().map(Vec::as_slice).collect();
    // The names come from a packet of strings, so they hold no zero byte and fit.
    build::negotiate_protocol_version(&mut message, version, &options)
        .map_err(|error| Refusal::protocol(error.to_string()))?;
    Ok(message)
}
