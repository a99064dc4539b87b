//! The first packets: TLS or not, then startup or cancel.

use std::sync::Arc;

use tokio_rustls::{TlsAcceptor, TlsStream};
use weir_wire::startup::{FirstPacket, Startup, StartupError};

use super::{Ended, turn_away};
use crate::proxy::conn::Conn;
use crate::proxy::refusal::Refusal;
use crate::proxy::socket::Socket;
use crate::proxy::tls::ALPN;
use crate::proxy::tls::client_side::ClientSide;

/// First byte of a TLS handshake.
const TLS_HANDSHAKE: u8 = 0x16;

/// What a client turned out to want.
pub(super) enum Opening {
    /// A session.
    Start(Startup),
    /// The cancellation of a statement.
    Cancel {
        /// The process id it shows.
        pid: i32,
        /// The secret it shows.
        secret: Vec<u8>,
    },
}

/// What the client may still ask for; each request is answered once.
struct Open {
    tls: bool,
    gss: bool,
}

/// Reads up to the startup packet, doing TLS on the way.
pub(super) async fn open(
    (socket, unread): (Socket, Vec<u8>),
    tls: Option<&ClientSide>,
) -> Result<(Conn, Opening), Ended> {
    let mut open = Open { tls: true, gss: true };
    // Without TLS there is nothing to look ahead for, nor behind what has been read.
    let looks = tls.is_some() && unread.is_empty();
    let mut conn = if looks && socket.peek().await? == Some(TLS_HANDSHAKE) {
        open = Open { tls: false, gss: false };
        accept_direct(socket, tls).await?
    } else {
        Conn::with(socket, unread)
    };
    loop {
        match next_packet(&mut conn).await {
            Ok(FirstPacket::Startup(startup)) => return Ok((conn, Opening::Start(startup))),
            Ok(FirstPacket::Cancel { pid, key }) => {
                return Ok((conn, Opening::Cancel { pid, secret: key }));
            }
            Ok(FirstPacket::Ssl) if open.tls => {
                // Inside TLS nothing more can be asked for.
                let gss = open.gss && tls.is_none();
                open = Open { tls: false, gss };
                conn = answer_tls_request(conn, tls).await?;
            }
            Ok(FirstPacket::Gss) if open.gss => {
                open.gss = false;
                conn = answer_gss_request(conn).await?;
            }
            Ok(FirstPacket::DirectTls) if tls.is_none() => return Err(out_of_step()),
            Ok(FirstPacket::Ssl | FirstPacket::Gss | FirstPacket::DirectTls) => {
                let refusal = Refusal::protocol("encryption was requested twice or out of place");
                return Err(Box::pin(turn_away(conn, refusal)).await);
            }
            Err(Stop::Packet(error)) => {
                let refusal = Refusal::new(error.sqlstate(), error.to_string());
                return Err(Box::pin(turn_away(conn, refusal)).await);
            }
            Err(Stop::Ended(ended)) => return Err(ended),
        }
    }
}

enum Stop {
    Packet(StartupError),
    Ended(Ended),
}

async fn next_packet(conn: &mut Conn) -> Result<FirstPacket, Stop> {
    loop {
        if let Some((packet, taken)) = FirstPacket::parse(conn.unread()).map_err(Stop::Packet)? {
            conn.consume(taken);
            return Ok(packet);
        }
        conn.read_more().await.map_err(|broken| Stop::Ended(broken.into()))?;
    }
}

/// Answers `S` and does the handshake, or `N`.
async fn answer_tls_request(conn: Conn, tls: Option<&ClientSide>) -> Result<Conn, Ended> {
    let mut conn = refuse_stuffing(conn, "SSLRequest").await?;
    let tls = tls.filter(|_| !conn.socket().is_unix());
    conn.send(if tls.is_some() { b"S" } else { b"N" }).await?;
    let Some(tls) = tls else { return Ok(conn) };
    // Nothing has been read since the check above, so the socket is bare.
    let Some(socket) = conn.into_bare() else { return Err(out_of_step()) };
    Box::pin(handshake(socket, tls)).await
}

async fn answer_gss_request(conn: Conn) -> Result<Conn, Ended> {
    let mut conn = refuse_stuffing(conn, "GSSENCRequest").await?;
    conn.send(b"N").await?;
    Ok(conn)
}

/// Bytes behind an encryption request came in plain text, from the client or from someone in
/// between who wants them taken for the client's (CVE-2021-23214).
async fn refuse_stuffing(conn: Conn, request: &str) -> Result<Conn, Ended> {
    if conn.unread().is_empty() {
        return Ok(conn);
    }
    let refusal = Refusal::protocol(format!("received unencrypted data after {request}"))
        .detail("This could be either a client-software bug or evidence of an attempted attack.");
    Err(Box::pin(turn_away(conn, refusal)).await)
}

/// TLS from the first byte (`sslnegotiation=direct`): only with ALPN, so that no other protocol
/// can be tricked into talking to us.
async fn accept_direct(socket: Socket, tls: Option<&ClientSide>) -> Result<Conn, Ended> {
    let Some(tls) = tls else { return Err(out_of_step()) };
    let conn = Box::pin(handshake(socket, tls)).await?;
    let agreed = conn.tls_stream().and_then(|stream| stream.get_ref().1.alpn_protocol());
    if agreed == Some(ALPN) {
        return Ok(conn);
    }
    let refusal = Refusal::protocol("direct TLS connection without ALPN extension")
        .hint("Offer the application protocol \"postgresql\", as libpq 17 and newer do.");
    Err(Box::pin(turn_away(conn, refusal)).await)
}

async fn handshake(socket: Socket, tls: &ClientSide) -> Result<Conn, Ended> {
    let stream = TlsAcceptor::from(Arc::clone(&tls.config)).accept(socket).await?;
    Ok(Conn::tls(TlsStream::Server(stream)))
}

fn out_of_step() -> Ended {
    std::io::Error::new(std::io::ErrorKind::InvalidData, "TLS where none is spoken").into()
}
