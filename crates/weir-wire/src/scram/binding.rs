//! Mechanisms and channel binding. Source: RFC 5802 section 6, RFC 5929 section 4.

use base64::{Engine, engine::general_purpose::STANDARD};

/// A SASL mechanism of the SCRAM family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// Without channel binding.
    Sha256,
    /// Bound to the TLS channel, so that nobody can sit in the middle.
    Sha256Plus,
}

impl Mechanism {
    /// The registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Sha256Plus => "SCRAM-SHA-256-PLUS",
        }
    }

    /// Finds a mechanism by its registered name.
    #[must_use]
    pub const fn from_name(name: &[u8]) -> Option<Self> {
        match name {
            b"SCRAM-SHA-256" => Some(Self::Sha256),
            b"SCRAM-SHA-256-PLUS" => Some(Self::Sha256Plus),
            _ => None,
        }
    }
}

/// What a client says about channel binding: the flag that opens its first message. The bytes are
/// the hash of the server's certificate.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Binding {
    /// `n`: the client cannot.
    Unsupported,
    /// `y`: the client could, but the server does not offer it.
    NotOffered,
    /// `p`: the client binds.
    EndPoint(Vec<u8>),
}

impl Binding {
    pub(super) const fn mechanism(&self) -> Mechanism {
        match self {
            Self::Unsupported | Self::NotOffered => Mechanism::Sha256,
            Self::EndPoint(_) => Mechanism::Sha256Plus,
        }
    }

    /// The GS2 header, never with an authorisation identity.
    pub(super) const fn header(&self) -> &'static str {
        match self {
            Self::Unsupported => "n,,",
            Self::NotOffered => "y,,",
            Self::EndPoint(_) => "p=tls-server-end-point,,",
        }
    }

    /// The value of `c=` in the client's final message: header and hash in base64.
    pub(super) fn attribute(&self) -> String {
        let hash = match self {
            Self::Unsupported | Self::NotOffered => &[],
            Self::EndPoint(hash) => &hash[..],
        };
        STANDARD.encode([self.header().as_bytes(), hash].concat())
    }
}
