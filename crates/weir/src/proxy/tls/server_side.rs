//! TLS towards PostgreSQL: what is demanded and how the server's certificate is checked.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use weir_core::config::choices::TlsMode;
use weir_core::config::settings;

use super::certificate::common_name;
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
        .map_err(|source| TlsError::Material { what: "tls.server.min_version", source })?
        .dangerous()
        .with_custom_certificate_verifier(verifier(settings)?);
    let mut config = match (&settings.cert, &settings.key) {
        (Some(cert), Some(key)) => builder
            .with_client_auth_cert(read_chain(cert)?, read_key(key)?)
            .map_err(|source| TlsError::Material { what: "tls.server.cert and key", source })?,
        (None, None) => builder.with_no_client_auth(),
        (Some(_), None) | (None, Some(_)) => {
            return Err(TlsError::Missing("tls.server.cert and tls.server.key go together"));
        }
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

fn verifier(settings: &settings::ServerTls) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let trust = match settings.mode {
        TlsMode::Disable | TlsMode::Allow | TlsMode::Prefer | TlsMode::Require => None,
        TlsMode::VerifyCa => Some(Trust::new(settings, false)?),
        TlsMode::VerifyFull => Some(Trust::new(settings, true)?),
    };
    Ok(Arc::new(Verifier { trust, provider: provider() }))
}

/// Checks a server's certificate as libpq does for the same mode. In any case the server must
/// hold the key of the certificate that it shows.
#[derive(Debug)]
struct Verifier {
    /// `None` believes any certificate (`require`).
    trust: Option<Trust>,
    provider: Arc<CryptoProvider>,
}

/// Which certificates are believed.
#[derive(Debug)]
struct Trust {
    roots: RootCertStore,
    /// The certificates of the configured file. A server that shows one of them is believed:
    /// most self-signed certificates of PostgreSQL servers say that they are authorities, which
    /// by the rules of the web cannot be servers.
    pinned: Vec<CertificateDer<'static>>,
    /// Whether the name must match too (`verify-full`).
    name: bool,
}

impl Trust {
    fn new(settings: &settings::ServerTls, name: bool) -> Result<Self, TlsError> {
        Ok(match &settings.ca {
            Some(file) => Self { roots: read_roots(file)?, pinned: read_chain(file)?, name },
            None => Self { roots: system_roots()?, pinned: Vec::new(), name },
        })
    }

    fn check(
        &self,
        (end_entity, intermediates): (&CertificateDer<'_>, &[CertificateDer<'_>]),
        name: &ServerName<'_>,
        now: UnixTime,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> Result<(), Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        if !self.pinned.contains(end_entity) {
            verify_server_cert_signed_by_trust_anchor(
                &certificate,
                &self.roots,
                intermediates,
                now,
                algorithms,
            )?;
        }
        if self.name { check_name(&certificate, end_entity, name) } else { Ok(()) }
    }
}

/// The name must be among the subject's alternative names; without any of those, it must be the
/// common name, as libpq has it.
fn check_name(
    certificate: &ParsedCertificate<'_>,
    der: &CertificateDer<'_>,
    name: &ServerName<'_>,
) -> Result<(), Error> {
    let result = verify_server_name(certificate, name);
    let Err(Error::InvalidCertificate(CertificateError::NotValidForNameContext {
        presented, ..
    })) = &result
    else {
        return result;
    };
    let by_common_name = presented.is_empty()
        && common_name(der).is_some_and(|common| common.eq_ignore_ascii_case(&name.to_str()));
    if by_common_name { Ok(()) } else { result }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(trust) = &self.trust {
            let algorithms = self.provider.signature_verification_algorithms.all;
            trust.check((end_entity, intermediates), server_name, now, algorithms)?;
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

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject;

    use super::*;

    /// Made by `openssl req -x509 -subj /CN=db.example`: an authority, without other names.
    const SELF_SIGNED: &str = "\
-----BEGIN CERTIFICATE-----
MIIBgTCCASegAwIBAgIUf8JW7G7ORoslRJSul6hnzjN0YHYwCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKZGIuZXhhbXBsZTAgFw0yNjExMjIxMTMzMzBaGA8yMTI2MTAy
OTExMzMzMFowFTETMBEGA1UEAwwKZGIuZXhhbXBsZTBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABH6rKa+XGH4NI+f2gzRg+3qkuBkCk1E2cNPXGNCX2NzJvS8r6aLY
l2Pw6r5w1KfdyLrGAjP0HbH2AiAstwMvetCjUzBRMB0GA1UdDgQWBBQUYfxqm3g6
CbVszNhKlqepPrz4hzAfBgNVHSMEGDAWgBQUYfxqm3g6CbVszNhKlqepPrz4hzAP
BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQCPjXCLjPwxmzU0YUv7
7t3S/ER29f75uiCtCKkWIiB8lQIgPR4G2mVoduEUjWQq5BtCVBpMViC4GdLAEVZ8
j22uB/I=
-----END CERTIFICATE-----
";

    #[test]
    fn a_self_signed_certificate_is_believed_where_it_is_configured() {
        let certificate = CertificateDer::from_pem_slice(SELF_SIGNED.as_bytes()).unwrap();
        let check = |pinned: bool, name: &'static str, checks_name: bool| {
            let mut roots = RootCertStore::empty();
            roots.add(certificate.clone()).unwrap();
            let pinned = if pinned { vec![certificate.clone()] } else { Vec::new() };
            let trust = Trust { roots, pinned, name: checks_name };
            let algorithms = provider().signature_verification_algorithms.all;
            let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_800_000_000));
            let name = ServerName::try_from(name).unwrap();
            trust.check((&certificate, &[]), &name, now, algorithms).is_ok()
        };
        assert!(check(true, "db.example", true));
        assert!(check(true, "DB.example", true));
        assert!(check(true, "other.example", false));
        assert!(!check(true, "other.example", true));
        assert!(!check(false, "db.example", false));
    }
}
