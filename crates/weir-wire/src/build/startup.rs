//! The packets that begin a connection, which have a length but no tag.

use super::writer::{BuildError, Shape};
use crate::message::BackendKeyData;
use crate::startup::{CANCEL_CODE, GSS_CODE, PACKET_LEN_MAX, ProtocolVersion, SSL_CODE};

const fn packet(name: &'static str) -> Shape {
    // The limit is a small constant and leaves out the length field itself.
    #[expect(clippy::cast_possible_truncation)]
    let length_max = PACKET_LEN_MAX as u32 + 4;
    Shape { name, tag: None, length_max, follows: 0 }
}

/// Appends a StartupMessage with `params` such as `(b"user", b"app")`.
///
/// # Errors
/// [`BuildError`] when it is longer than 10,000 bytes, a string holds a zero byte, or a name is
/// empty, which would end the list early.
pub fn startup<'a>(
    out: &mut Vec<u8>,
    version: ProtocolVersion,
    params: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<(), BuildError> {
    packet("StartupMessage").write(out, |w| {
        w.uint32(version.code());
        for (name, value) in params {
            if name.is_empty() {
                return Err(BuildError::Field("parameter name"));
            }
            w.string(name, "parameter name")?;
            w.string(value, "parameter value")?;
        }
        w.byte(0);
        Ok(())
    })
}

/// Appends a CancelRequest.
///
/// # Errors
/// [`BuildError::Field`] when the key is shorter than 4 or longer than 256 bytes.
pub fn cancel_request(out: &mut Vec<u8>, pid: i32, key: &[u8]) -> Result<(), BuildError> {
    let lengths = BackendKeyData::KEY_LEN_MIN..=BackendKeyData::KEY_LEN_MAX;
    packet("CancelRequest").write(out, |w| {
        if !lengths.contains(&key.len()) {
            return Err(BuildError::Field("cancel key"));
        }
        w.uint32(CANCEL_CODE);
        w.int32(pid);
        w.bytes(key);
        Ok(())
    })
}

/// Appends a request for TLS. The server answers one byte, `S` or `N`.
pub fn ssl_request(out: &mut Vec<u8>) {
    request(out, SSL_CODE);
}

/// Appends a request for GSSAPI encryption. The server answers one byte, `G` or `N`.
pub fn gss_request(out: &mut Vec<u8>) {
    request(out, GSS_CODE);
}

fn request(out: &mut Vec<u8>, code: u32) {
    out.extend_from_slice(&[0, 0, 0, 8]);
    out.extend_from_slice(&code.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_laid_out_as_documented() {
        let mut out = Vec::new();
        ssl_request(&mut out);
        assert_eq!(out, b"\0\0\0\x08\x04\xd2\x16\x2f");
        out.clear();
        cancel_request(&mut out, 7, b"keys").unwrap();
        assert_eq!(out, b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x07keys");
        out.clear();
        startup(&mut out, ProtocolVersion::V3_0, [(&b"user"[..], &b"me"[..])]).unwrap();
        assert_eq!(out, b"\0\0\0\x11\0\x03\0\0user\0me\0\0");
    }

    #[test]
    fn a_packet_stops_at_postgresqls_limit() {
        let build = |len: usize| {
            let value = vec![b'v'; len];
            startup(&mut Vec::new(), ProtocolVersion::V3_0, [(&b"n"[..], &value[..])])
        };
        assert_eq!(build(PACKET_LEN_MAX - 8), Ok(()));
        assert_eq!(build(PACKET_LEN_MAX - 7), Err(BuildError::TooLong("StartupMessage")));
    }

    #[test]
    fn an_empty_name_is_refused() {
        let params = [(&b""[..], &b"v"[..])];
        let result = startup(&mut Vec::new(), ProtocolVersion::V3_0, params);
        assert_eq!(result, Err(BuildError::Field("parameter name")));
    }
}
