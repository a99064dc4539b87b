//! Proofs that come from elsewhere: TLS client certificates and the operating system.

use weir_core::config::choices::TlsMode;
use weir_wire::error::SqlState;

use crate::proxy::conn::Conn;
use crate::proxy::directory::Directory;
use crate::proxy::login::{Hello, Peer};
use crate::proxy::refusal::Refusal;
use crate::proxy::target::Credential;
use crate::proxy::tls::certificate::common_name;

/// The file that names the operating system's users.
const PASSWD: &str = "/etc/passwd";

/// The client's certificate, which rustls has verified, must name the user.
pub(super) fn by_certificate(conn: &Conn, hello: &Hello) -> Result<Credential, Refusal> {
    match certificate_name(conn) {
        Some(name) if *name == *hello.user => Ok(Credential::None),
        Some(name) => Err(not_for(hello, &format!("the certificate is for \"{name}\""))),
        None => Err(not_for(hello, "no client certificate with a common name was shown")),
    }
}

/// With `verify-full` towards clients every certificate must name its user, whatever the method.
pub(super) fn check_certificate_name(
    directory: &Directory,
    conn: &Conn,
    hello: &Hello,
) -> Result<(), Refusal> {
    let full = directory.client_tls.as_ref().is_some_and(|tls| tls.mode == TlsMode::VerifyFull);
    if full && hello.tls { by_certificate(conn, hello).map(|_| ()) } else { Ok(()) }
}

fn certificate_name(conn: &Conn) -> Option<String> {
    common_name(conn.tls_stream()?.get_ref().1.peer_certificates()?.first()?)
}

fn not_for(hello: &Hello, why: &str) -> Refusal {
    Refusal::new(
        SqlState::INVALID_AUTHORIZATION,
        format!("certificate authentication failed for user \"{}\"", hello.user),
    )
    .log(why)
}

/// The process at the other end of a Unix socket must run as the operating system's user of the
/// same name.
pub(super) fn by_peer(hello: &Hello, peer: &Peer) -> Result<Credential, Refusal> {
    let refuse = |why: String| {
        Refusal::new(
            SqlState::INVALID_AUTHORIZATION,
            format!("Peer authentication failed for user \"{}\"", hello.user),
        )
        .log(why)
    };
    let Peer::Unix { uid: Some(uid) } = *peer else {
        return Err(refuse("the client did not come over a Unix socket".into()));
    };
    let users = std::fs::read_to_string(PASSWD)
        .map_err(|error| refuse(format!("cannot read {PASSWD}: {error}")))?;
    match name_of(uid, &users) {
        Some(name) if name == &*hello.user => Ok(Credential::None),
        Some(name) => Err(refuse(format!("the client runs as \"{name}\""))),
        None => Err(refuse(format!("{PASSWD} has no user with id {uid}"))),
    }
}

/// Finds the name of a user id in the text of `/etc/passwd` (`name:password:uid:…`).
fn name_of(uid: u32, passwd: &str) -> Option<&str> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_id_has_the_name_of_its_line() {
        let passwd = "root:x:0:0::/:/bin/sh\n# odd\nalice:x:1000:1000::/:/bin/sh\n";
        assert_eq!(name_of(0, passwd), Some("root"));
        assert_eq!(name_of(1000, passwd), Some("alice"));
        assert_eq!(name_of(1001, passwd), None);
    }
}
