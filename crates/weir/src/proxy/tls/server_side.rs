//! TLS towards PostgreSQL: what is demanded and how the server's certificate is checked.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use weir_core::config::choices::TlsMode;
use weir_core::config::settings;

use super::{ALPN, TlsError, provider, read_chain, read_key, read_roots, system_roots, versions};
use crate::proxy::target::ServerTls;

/// Prepares TLS towards servers.
///
/// # Errors
/// When a file is missing, unreadable or unfit.
pub fn prepare(settings: &settings::ServerTls) -> Result<ServerTls, TlsError> {
    let make = || Ok::<_, TlsError>(Arc::new(config(settings)?));
    Ok(match settings.mode {
        TlsMode::Disable => ServerTls::Disable,
        TlsMode::Allow | TlsMode::Prefer => ServerTls::Prefer(make()?),
        TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => ServerTls::Require(make()?),
    })
}

fn config(settings: &settings::ServerTls) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(settings.min_version))
        .map_err(|source| TlsError::Material { what: "server_tls.min_version", source })?
        .dangerous()
        .with_custom_certificate_verifier(verifier(settings)?);
    let mut config = match (&settings.cert, &settings.key) {
        (Some(cert), Some(key)) => builder
            .with_client_auth_cert(read_chain(cert)?, read_key(key)?)
            .map_err(|source| TlsError::Material { what: "server_tls.cert and key", source })?,
        (None, None) => builder.with_no_client_auth(),
        (Some(_), None) | (None, Some(_)) => {
            return Err(TlsError::Missing("server_tls.cert and server_tls.key go together"));
        }
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

fn verifier(settings: &settings::ServerTls) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let roots = || match &settings.ca {
        Some(file) => read_roots(file),
        None => system_roots(),
    };
    Ok(match settings.mode {
        TlsMode::Disable | TlsMode::Allow | TlsMode::Prefer | TlsMode::Require => {
            Arc::new(Lenient { roots: None, provider: provider() })
        }
        TlsMode::VerifyCa => Arc::new(Lenient { roots: Some(roots()?), provider: provider() }),
        TlsMode::VerifyFull => {
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots()?), provider())
                .build()
                .map_err(|error| TlsError::Roots {
                    file: settings.ca.clone().unwrap_or_else(|| "the system's roots".into()),
                    reason: error.to_string(),
                })?
        }
    })
}

/// Checks less than the name: the chain when there are roots (`verify-ca`), else only that the
/// server holds the key of the certificate it shows (`require`), as libpq does.
#[derive(Debug)]
struct Lenient {
    roots: Option<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(roots) = &self.roots {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(
                &certificate,
                roots,
                intermediates,
                now,
                algorithms,
            )?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
