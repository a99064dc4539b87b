//! TLS towards clients: our certificate, and what we ask of theirs.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use weir_core::config::choices::TlsMode;
use weir_core::config::settings::ClientTls;

use super::certificate::end_point_hash;
use super::{ALPN, TlsError, provider, read_chain, read_key, read_roots, versions};

/// TLS as offered to clients.
#[derive(Debug, Clone)]
pub struct ClientSide {
    /// How much is demanded.
    pub mode: TlsMode,
    /// What handshakes are made with.
    pub config: Arc<ServerConfig>,
    /// `tls-server-end-point` of our certificate (RFC 5929, section 4.1); `None` when its
    /// signature algorithm defines no hash, and SCRAM-SHA-256-PLUS is not offered.
    pub end_point: Option<Vec<u8>>,
}

impl ClientSide {
    /// Reads the files of the settings; `None` when TLS is off.
    ///
    /// # Errors
    /// When a file is missing, unreadable or unfit.
    pub fn new(settings: &ClientTls) -> Result<Option<Self>, TlsError> {
        if settings.mode == TlsMode::Disable {
            return Ok(None);
        }
        let (Some(cert), Some(key)) = (&settings.cert, &settings.key) else {
            return Err(TlsError::Missing(
                "TLS towards clients needs both tls.client.cert and tls.client.key",
            ));
        };
        let chain = read_chain(cert)?;
        let end_point = chain.first().and_then(|certificate| end_point_hash(certificate));
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions(settings.min_version))
            .map_err(|source| TlsError::Material { what: "tls.client.min_version", source })?;
        let builder = match verifier(settings)? {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder
            .with_single_cert(chain, read_key(key)?)
            .map_err(|source| TlsError::Material { what: "tls.client.cert and key", source })?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.ticketer = Ticketer::new()
            .map_err(|source| TlsError::Material { what: "the session ticket key", source })?;
        // Each connection needs one to be resumed once; each costs memory and time.
        config.send_tls13_tickets = 1;
        Ok(Some(Self { mode: settings.mode, config: Arc::new(config), end_point }))
    }
}

/// Who checks client certificates: mandatory when verifying, optional when only roots are given
/// (for users that log in by certificate), nobody otherwise.
fn verifier(settings: &ClientTls) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    let Some(file) = &settings.ca else {
        return if settings.mode.verifies() {
            Err(TlsError::Missing("verifying client certificates needs tls.client.ca"))
        } else {
            Ok(None)
        };
    };
    let roots = Arc::new(read_roots(file)?);
    let builder = WebPkiClientVerifier::builder_with_provider(roots, provider());
    let builder = if settings.mode.verifies() { builder } else { builder.allow_unauthenticated() };
    let verifier = builder
        .build()
        .map_err(|error| TlsError::Roots { file: file.clone(), reason: error.to_string() })?;
    Ok(Some(verifier))
}
