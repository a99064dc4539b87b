//! Clients over TLS that rest.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::load::connection::Door;
use crate::load::messages::{Replies, query, startup};
use crate::pgbench::{DATABASE, USER};

/// Asks for TLS: the length, and the code in the place of a version.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// A client that has logged in over TLS.
type Client = StreamOwned<ClientConnection, TcpStream>;

/// Connects so many clients, one after the other, where no password is asked for, and lets each
/// run a query. `authority` is who vouches for the proxy's certificate, PEM.
pub(crate) fn connect(door: Door, authority: &str, count: u32) -> Result<Vec<Client>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes())?)?;
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let config = Arc::new(config);
    (0..count).map(|_| one(door, &config)).collect()
}

fn one(door: Door, config: &Arc<ClientConfig>) -> Result<Client> {
    ensure!(!door.deadline.has_passed(), "not all clients came in time");
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, door.port)).context("connecting")?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(door.deadline.left()))?;
    stream.write_all(&TLS_REQUEST)?;
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    ensure!(answer == *b"S", "the proxy does not speak TLS");
    let name = ServerName::from(std::net::IpAddr::from(Ipv4Addr::LOCALHOST));
    let session = ClientConnection::new(Arc::clone(config), name)?;
    let mut client = StreamOwned::new(session, stream);
    let mut out = Vec::new();
    startup(&mut out, USER, DATABASE);
    ask(&mut client, &out).context("logging in")?;
    out.clear();
    query(&mut out, "SELECT 1");
    ask(&mut client, &out).context("asking")?;
    Ok(client)
}

/// Sends `request` and reads to the end of its reply.
fn ask(client: &mut Client, request: &[u8]) -> Result<()> {
    client.write_all(request)?;
    let mut replies = Replies::default();
    let mut buffer = [0; 4 << 10];
    loop {
        let count = client.read(&mut buffer)?;
        ensure!(count > 0, "the connection was closed");
        if replies.take(&buffer[..count])? > 0 {
            return Ok(());
        }
    }
}
