//! Whether io_uring can be had: by trying all that the driver needs.

use std::io;
use std::time::Duration;

use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType};

use super::Uring;
use super::conn::Listening;
use crate::proxy::driver::{Received, Token};

/// How long the probe waits for what should be there at once.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether this kernel, as it is configured, does all that the driver needs: tries it.
///
/// # Errors
/// What is missing.
pub(in crate::proxy::driver) fn probe() -> io::Result<()> {
    let mut driver = Uring::new()?;
    let (ours, theirs) = rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    let link = driver.open(ours, Token(0));
    rustix::net::send(&theirs, b"?", SendFlags::NOSIGNAL)?;
    driver.send(link.at, b"!");
    driver.wait(PATIENCE, &mut Vec::new())?;
    let missing = |what| Err(io::Error::new(io::ErrorKind::Unsupported, what));
    match driver.receive(link.at) {
        Received::Bytes(chunk) if *chunk == *b"?" => {}
        Received::Bytes(_) | Received::Nothing | Received::End => {
            return missing("the kernel does not receive again and again into shared buffers");
        }
    }
    let listening = driver.conns.get(link.at).map(|conn| conn.listening);
    if listening != Some(Listening::On) || rustix::io::read(&theirs, &mut [0_u8; 2]) != Ok(1) {
        return missing("the kernel does not go on receiving while it sends");
    }
    Ok(())
}
