//! Authentication: the server's requests and the client's answers, which share the tag `p`.

use crate::frame::{Body, Malformed};

/// What the server wants before it lets a client in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication<'a> {
    /// The client is in.
    Ok,
    /// The password as it is.
    CleartextPassword,
    /// The password hashed with this salt.
    Md5 {
        /// Chosen by the server for this login.
        salt: [u8; 4],
    },
    /// SASL begins.
    Sasl {
        /// What the server offers, best first.
        mechanisms: Mechanisms<'a>,
    },
    /// SASL goes on; the mechanism's data.
    SaslContinue(&'a [u8]),
    /// SASL ends well; the mechanism's last data.
    SaslFinal(&'a [u8]),
    /// Kerberos, GSSAPI, SSPI or something newer, by its code. Weir does not speak it.
    Unsupported(i32),
}

impl<'a> Authentication<'a> {
    /// Reads the body.
    ///
    /// # Errors
    /// [`Malformed`] when the body does not fit its code.
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut body = Body::new(body);
        let request = match body.int32("authentication code")? {
            0 => Self::Ok,
            3 => Self::CleartextPassword,
            5 => {
                let salt = body.take(4, "md5 salt")?;
                Self::Md5 { salt: [salt[0], salt[1], salt[2], salt[3]] }
            }
            10 => return Mechanisms::parse(body).map(|mechanisms| Self::Sasl { mechanisms }),
            11 => return Ok(Self::SaslContinue(body.rest())),
            12 => return Ok(Self::SaslFinal(body.rest())),
            other => return Ok(Self::Unsupported(other)),
        };
        body.end()?;
        Ok(request)
    }
}

/// The SASL mechanisms that a server offers, as an iterator over their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mechanisms<'a> {
    rest: &'a [u8],
}

impl<'a> Mechanisms<'a> {
    fn parse(mut body: Body<'a>) -> Result<Self, Malformed> {
        let rest = body.rest();
        while !body.string("SASL mechanism")?.is_empty() {}
        body.end()?;
        Ok(Self { rest })
    }
}

impl<'a> Iterator for Mechanisms<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let mut body = Body::new(self.rest);
        let name = body.string("SASL mechanism").ok().filter(|name| !name.is_empty())?;
        self.rest = body.rest();
        Some(name)
    }
}

/// A password, plain or hashed by md5.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Password<'a> {
    /// The bytes as sent.
    pub password: &'a [u8],
}

impl<'a> Password<'a> {
    /// Reads the body.
    ///
    /// # Errors
    /// [`Malformed`] when the password does not end with the body.
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut body = Body::new(body);
        let password = body.string("password")?;
        body.end()?;
        Ok(Self { password })
    }
}

/// The client's choice of a SASL mechanism, and its first words.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SaslInitialResponse<'a> {
    /// Name of the mechanism.
    pub mechanism: &'a [u8],
    /// The mechanism's data; `None` when the client sent none at all.
    pub data: Option<&'a [u8]>,
}

impl<'a> SaslInitialResponse<'a> {
    /// Reads the body.
    ///
    /// # Errors
    /// [`Malformed`] when the data's length is not what it says.
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut body = Body::new(body);
        let mechanism = body.string("SASL mechanism")?;
        let data = match body.int32("length of the SASL data")? {
            -1 => None,
            len => {
                let len = usize::try_from(len);
                let len = len.map_err(|_| Malformed::Field("length of the SASL data"))?;
                Some(body.take(len, "SASL data")?)
            }
        };
        body.end()?;
        Ok(Self { mechanism, data })
    }
}

/// The client's later words in SASL.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SaslResponse<'a> {
    /// The mechanism's data: the whole body.
    pub data: &'a [u8],
}

impl<'a> SaslResponse<'a> {
    /// Reads the body; any body will do.
    #[must_use]
    pub const fn parse(body: &'a [u8]) -> Self {
        Self { data: body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mechanisms_end_with_an_empty_name() {
        let body = b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0";
        let Ok(Authentication::Sasl { mechanisms }) = Authentication::parse(body) else {
            unreachable!("a SASL request")
        };
        let names: Vec<_> = mechanisms.collect();
        assert_eq!(names, [&b"SCRAM-SHA-256-PLUS"[..], b"SCRAM-SHA-256"]);
        let open = Authentication::parse(b"\0\0\0\x0aSCRAM-SHA-256\0");
        assert_eq!(open, Err(Malformed::Truncated("SASL mechanism")));
        assert_eq!(Authentication::parse(b"\0\0\0\x0a\0x"), Err(Malformed::Trailing(1)));
    }

    #[test]
    fn what_we_do_not_speak_keeps_its_code() {
        for code in [1_i32, 2, 6, 7, 8, 9, 13, -1] {
            let view = Authentication::parse(&code.to_be_bytes()).map(|a| format!("{a:?}"));
            assert_eq!(view, Ok(format!("Unsupported({code})")));
        }
    }

    #[test]
    fn a_sasl_response_may_come_without_data() {
        let none = SaslInitialResponse::parse(b"X\0\xff\xff\xff\xff").unwrap();
        assert_eq!((none.mechanism, none.data), (&b"X"[..], None));
        let empty = SaslInitialResponse::parse(b"X\0\0\0\0\0").unwrap();
        assert_eq!(empty.data, Some(&b""[..]));
        assert!(SaslInitialResponse::parse(b"X\0\xff\xff\xff\xfe").is_err());
        assert!(SaslInitialResponse::parse(b"X\0\0\0\0\x02a").is_err());
    }
}
