//! Which of the first packets this is.

use super::{CANCEL_CODE, GSS_CODE, PACKET_LEN_MAX, SSL_CODE, Startup, StartupError};
use crate::message::BackendKeyData;

/// First byte of a TLS handshake record. A startup packet begins with zero, as its length is
/// below 65,536.
const TLS_HANDSHAKE: u8 = 0x16;

/// What a client says first. It owns its data: a login outlives the read buffer.
#[derive(Clone, PartialEq, Eq)]
pub enum FirstPacket {
    /// The client wants a session.
    Startup(Startup),
    /// The client asks whether TLS is spoken; answer `S` or `N`. Bytes after the request that
    /// came before the answer must be refused: someone may have put them there (CVE-2021-23214).
    Ssl,
    /// The client asks whether GSSAPI encryption is spoken; answer `N`. As with TLS, no bytes
    /// may follow.
    Gss,
    /// The client begins TLS without asking (`sslnegotiation=direct`). Nothing is taken; the
    /// bytes are the handshake's.
    DirectTls,
    /// The client wants a statement cancelled; no answer is given.
    Cancel {
        /// Process id from `BackendKeyData`.
        pid: i32,
        /// Key from `BackendKeyData`, 4 to 256 bytes.
        key: Vec<u8>,
    },
}

impl FirstPacket {
    /// Reads the packet at the start of `bytes`, and how many bytes it took; `None` while it is
    /// incomplete. A lie in the length is found as soon as its four bytes are there.
    ///
    /// # Errors
    /// [`StartupError`], with the text and code that PostgreSQL would answer with.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, StartupError> {
        if bytes.first() == Some(&TLS_HANDSHAKE) {
            return Ok(Some((Self::DirectTls, 0)));
        }
        let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length);
        let body_len = usize::try_from(length).unwrap_or(usize::MAX).checked_sub(4);
        let body_len = body_len.filter(|len| (4..=PACKET_LEN_MAX).contains(len));
        let body_len = body_len.ok_or(StartupError::Length(length))?;
        let Some((code, body)) = rest.get(..body_len).and_then(<[u8]>::split_first_chunk::<4>)
        else {
            return Ok(None);
        };
        let packet = Self::of_code(u32::from_be_bytes(*code), body, length)?;
        Ok(Some((packet, 4 + body_len)))
    }

    fn of_code(code: u32, body: &[u8], length: u32) -> Result<Self, StartupError> {
        match code {
            SSL_CODE if body.is_empty() => Ok(Self::Ssl),
            GSS_CODE if body.is_empty() => Ok(Self::Gss),
            SSL_CODE | GSS_CODE => Err(StartupError::Length(length)),
            CANCEL_CODE => match BackendKeyData::parse(body) {
                Ok(BackendKeyData { pid, key }) => Ok(Self::Cancel { pid, key: key.to_vec() }),
                Err(_) => Err(StartupError::Length(length)),
            },
            version => Startup::parse(version, body).map(Self::Startup),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build;
    use crate::startup::ProtocolVersion;

    fn startup() -> Vec<u8> {
        let mut out = Vec::new();
        let params = [(&b"user"[..], &b"app"[..]), (b"database", b"shop")];
        build::startup(&mut out, ProtocolVersion::V3_2, params).unwrap();
        out
    }

    #[test]
    fn a_packet_may_come_in_pieces_and_bring_more_than_itself() {
        let mut bytes = startup();
        let len = bytes.len();
        for end in 0..len {
            assert!(FirstPacket::parse(&bytes[..end]).unwrap().is_none());
        }
        bytes.extend(b"next");
        let (packet, taken) = FirstPacket::parse(&bytes).unwrap().unwrap();
        assert_eq!(taken, len);
        assert!(matches!(packet, FirstPacket::Startup(s) if s.database == b"shop"));
    }

    #[test]
    fn requests_are_told_apart() {
        let check = |build: &dyn Fn(&mut Vec<u8>), expected: &FirstPacket| {
            let mut out = Vec::new();
            build(&mut out);
            assert!(FirstPacket::parse(&out).unwrap() == Some((expected.clone(), out.len())));
        };
        check(&build::ssl_request, &FirstPacket::Ssl);
        check(&build::gss_request, &FirstPacket::Gss);
        for len in [4, 32, 256] {
            let key = vec![9; len];
            let cancel = FirstPacket::Cancel { pid: -7, key: key.clone() };
            check(&|out| build::cancel_request(out, -7, &key).unwrap(), &cancel);
        }
        assert!(FirstPacket::parse(&[0x16]).unwrap() == Some((FirstPacket::DirectTls, 0)));
    }

    #[test]
    fn a_length_that_does_not_fit_is_refused_at_once() {
        let check = |bytes: &[u8], length| {
            assert!(FirstPacket::parse(bytes) == Err(StartupError::Length(length)));
        };
        check(b"\0\0\0\0", 0);
        check(b"\0\0\0\x07", 7);
        check(b"\0\0\x27\x15", 10_005);
        assert!(FirstPacket::parse(b"\0\0\x27\x14") == Ok(None));
        check(b"GET / HTTP/1.1\r\n", u32::from_be_bytes(*b"GET "));
        check(b"\0\0\0\x09\x04\xd2\x16\x2fx", 9);
        check(b"\0\0\0\x0f\x04\xd2\x16\x2e\0\0\0\x01abc", 15);
    }
}
