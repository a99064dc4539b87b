//! An end of a client's connection, small enough to be kept for each of them.

use std::fmt;
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::proxy::login::Peer;

/// Shown as `127.0.0.1:5000`, `[::1]:5000` or `unix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// TCP over IPv4, also where a socket for both serves it.
    V4(SocketAddrV4),
    /// TCP over IPv6.
    V6(Box<SocketAddrV6>),
    /// A Unix socket.
    Unix,
}

impl From<&Peer> for Endpoint {
    fn from(peer: &Peer) -> Self {
        match peer {
            Peer::Tcp(address) => (*address).into(),
            Peer::Unix { .. } => Self::Unix,
        }
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        match SocketAddr::new(address.ip().to_canonical(), address.port()) {
            SocketAddr::V4(address) => Self::V4(address),
            SocketAddr::V6(address) => Self::V6(Box::new(address)),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => show(*address, f),
            Self::V6(address) => address.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}

/// `255.255.255.255:65535`.
const SHOWN_MAX: usize = 21;

/// Writes `10.1.2.3:4000` in one piece, as each login and each goodbye in the log needs it.
pub fn show(address: SocketAddrV4, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [0; SHOWN_MAX];
    let mut from = put(&mut text, SHOWN_MAX, address.port());
    for (index, octet) in address.ip().octets().into_iter().rev().enumerate() {
        from -= 1;
        text[from] = if index == 0 { b':' } else { b'.' };
        from = put(&mut text, from, octet.into());
    }
    f.write_str(str::from_utf8(&text[from..]).map_err(|_| fmt::Error)?)
}

/// Writes a number so that it ends before `end`. Returns where it begins.
fn put(text: &mut [u8; SHOWN_MAX], end: usize, mut number: u16) -> usize {
    let mut from = end;
    loop {
        from -= 1;
        text[from] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            return from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_shown_as_its_peer_is_and_small() {
        let check = |text: &str, shown: &str| {
            let peer = Peer::Tcp(text.parse().unwrap());
            assert_eq!(Endpoint::from(&peer).to_string(), shown);
            assert_eq!(peer.to_string(), shown);
        };
        check("10.1.2.3:4000", "10.1.2.3:4000");
        check("255.255.255.255:65535", "255.255.255.255:65535");
        check("0.0.0.0:0", "0.0.0.0:0");
        check("100.20.109.90:80", "100.20.109.90:80");
        check("[::ffff:10.1.2.3]:4000", "10.1.2.3:4000");
        check("[fe80::1]:4000", "[fe80::1]:4000");
        assert_eq!(Endpoint::from(&Peer::Unix { uid: Some(0) }).to_string(), "unix");
        assert!(size_of::<Endpoint>() <= 16);
    }
}
