//! TLS on both sides, from settings to rustls configurations.
//!
//! A reload builds everything anew; connections keep what they began with.

pub mod certificate;
pub mod client_side;
mod der;
pub mod server_side;
pub mod web;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use weir_core::config::choices::TlsVersion;

/// The protocol name of PostgreSQL in TLS (ALPN), mandatory in direct TLS.
pub const ALPN: &[u8] = b"postgresql";

/// Why TLS could not be set up from the settings.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A PEM file could not be read or holds nothing of what is wanted.
    #[error("cannot read {what} from {file}: {reason}")]
    File {
        /// What was wanted.
        what: &'static str,
        /// The file as configured.
        file: String,
        /// Why not.
        reason: String,
    },
    /// A setting is missing.
    #[error("{0}")]
    Missing(&'static str),
    /// rustls does not accept the material.
    #[error("{what} cannot be used: {source}")]
    Material {
        /// Which setting.
        what: &'static str,
        /// What rustls says.
        source: rustls::Error,
    },
    /// The verifier cannot be built from these roots.
    #[error("the certificates in {file} cannot verify anyone: {reason}")]
    Roots {
        /// The file as configured.
        file: String,
        /// Why not.
        reason: String,
    },
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn versions(oldest: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    static FROM_12: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];
    static FROM_13: [&SupportedProtocolVersion; 1] = [&TLS13];
    match oldest {
        TlsVersion::Tls12 => &FROM_12,
        TlsVersion::Tls13 => &FROM_13,
    }
}

fn read_chain(file: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |reason: String| TlsError::File {
        what: "a certificate chain",
        file: file.to_owned(),
        reason,
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| failed(error.to_string()))?;
    if chain.is_empty() {
        return Err(failed("it holds no certificate".into()));
    }
    Ok(chain)
}

fn read_key(file: &str) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| TlsError::File {
        what: "a private key",
        file: file.to_owned(),
        reason: error.to_string(),
    })
}

fn read_roots(file: &str) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in read_chain(file)? {
        roots.add(certificate).map_err(|source| TlsError::Roots {
            file: file.to_owned(),
            reason: source.to_string(),
        })?;
    }
    Ok(roots)
}

/// The machine's trusted roots.
fn system_roots() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let (_, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(TlsError::Missing(
            "this machine has no trusted root certificates: name a file in tls.server.ca",
        ));
    }
    Ok(roots)
}
