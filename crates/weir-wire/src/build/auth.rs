//! Authentication, both ways.

use super::writer::{BuildError, Shape, Writer};
use crate::frame::{backend, frontend};

const fn request(name: &'static str) -> Shape {
    Shape::tagged(name, backend::AUTHENTICATION)
}

/// Appends an AuthenticationOk.
pub fn authentication_ok(out: &mut Vec<u8>) {
    out.extend_from_slice(b"R\0\0\0\x08\0\0\0\0");
}

/// Appends an AuthenticationCleartextPassword.
pub fn authentication_cleartext(out: &mut Vec<u8>) {
    out.extend_from_slice(b"R\0\0\0\x08\0\0\0\x03");
}

/// Appends an AuthenticationMD5Password.
pub fn authentication_md5(out: &mut Vec<u8>, salt: [u8; 4]) {
    out.extend_from_slice(b"R\0\0\0\x0c\0\0\0\x05");
    out.extend_from_slice(&salt);
}

/// Appends an AuthenticationSASL that offers `mechanisms`, best first.
///
/// # Errors
/// [`BuildError`] when a name is empty, too long or holds a zero byte.
pub fn authentication_sasl(out: &mut Vec<u8>, mechanisms: &[&[u8]]) -> Result<(), BuildError> {
    request("AuthenticationSASL").write(out, |w| {
        w.int32(10);
        mechanisms.iter().try_for_each(|name| mechanism(w, name))?;
        w.byte(0);
        Ok(())
    })
}

/// An empty name would end the list early.
fn mechanism(w: &mut Writer<'_>, name: &[u8]) -> Result<(), BuildError> {
    if name.is_empty() {
        return Err(BuildError::Field("SASL mechanism"));
    }
    w.string(name, "SASL mechanism")
}

/// Appends an AuthenticationSASLContinue.
///
/// # Errors
/// [`BuildError::TooLong`] when the data is.
pub fn authentication_sasl_continue(out: &mut Vec<u8>, data: &[u8]) -> Result<(), BuildError> {
    sasl_data(request("AuthenticationSASLContinue"), out, 11, data)
}

/// Appends an AuthenticationSASLFinal.
///
/// # Errors
/// [`BuildError::TooLong`] when the data is.
pub fn authentication_sasl_final(out: &mut Vec<u8>, data: &[u8]) -> Result<(), BuildError> {
    sasl_data(request("AuthenticationSASLFinal"), out, 12, data)
}

fn sasl_data(shape: Shape, out: &mut Vec<u8>, code: i32, data: &[u8]) -> Result<(), BuildError> {
    shape.write(out, |w| {
        w.int32(code);
        w.bytes(data);
        Ok(())
    })
}

/// The highest length of an answer that PostgreSQL accepts (`PG_MAX_AUTH_TOKEN_LENGTH`).
const fn answer(name: &'static str) -> Shape {
    Shape { length_max: 65_535, ..Shape::tagged(name, frontend::PASSWORD) }
}

/// Appends a PasswordMessage: a password, plain or hashed by md5.
///
/// # Errors
/// [`BuildError`] when it is too long or holds a zero byte.
pub fn password(out: &mut Vec<u8>, password: &[u8]) -> Result<(), BuildError> {
    answer("PasswordMessage").write(out, |w| w.string(password, "password"))
}

/// Appends a SASLInitialResponse.
///
/// # Errors
/// [`BuildError`] when it is too long, or the mechanism's name holds a zero byte.
pub fn sasl_initial_response(
    out: &mut Vec<u8>,
    mechanism: &[u8],
    data: Option<&[u8]>,
) -> Result<(), BuildError> {
    answer("SASLInitialResponse").write(out, |w| {
        w.string(mechanism, "SASL mechanism")?;
        match data {
            Some(data) => w.sized(data, "SASL data")?,
            None => w.int32(-1),
        }
        Ok(())
    })
}

/// Appends a SASLResponse.
///
/// # Errors
/// [`BuildError::TooLong`] when the data is.
pub fn sasl_response(out: &mut Vec<u8>, data: &[u8]) -> Result<(), BuildError> {
    answer("SASLResponse").write(out, |w| {
        w.bytes(data);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Authentication;

    #[test]
    fn each_request_reads_back() {
        let check = |build: &dyn Fn(&mut Vec<u8>), expected| {
            let mut out = Vec::new();
            build(&mut out);
            assert_eq!(Authentication::parse(&out[5..]), Ok(expected));
        };
        check(&authentication_ok, Authentication::Ok);
        check(&authentication_cleartext, Authentication::CleartextPassword);
        check(&|out| authentication_md5(out, *b"salt"), Authentication::Md5 { salt: *b"salt" });
        check(
            &|out| authentication_sasl_continue(out, b"r=1").unwrap(),
            Authentication::SaslContinue(b"r=1"),
        );
        check(
            &|out| authentication_sasl_final(out, b"v=1").unwrap(),
            Authentication::SaslFinal(b"v=1"),
        );
    }

    #[test]
    fn an_empty_mechanism_is_refused() {
        let result = authentication_sasl(&mut Vec::new(), &[b"SCRAM-SHA-256", b""]);
        assert_eq!(result, Err(BuildError::Field("SASL mechanism")));
    }
}
