//! TLS towards web services that we tell something.

use std::sync::Arc;

use rustls::ClientConfig;

use super::{TlsError, provider, read_roots, system_roots, versions};
use weir_core::config::choices::TlsVersion;

/// The ordinary checks of the web: the certificate is signed by an issuer of the file, or of the
/// machine, and names the host.
///
/// # Errors
/// When the file is missing or unfit, or the machine knows no issuers.
pub fn web_client(ca: Option<&str>) -> Result<Arc<ClientConfig>, TlsError> {
    let roots = match ca {
        Some(file) => read_roots(file)?,
        None => system_roots()?,
    };
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(TlsVersion::Tls12))
        .map_err(|source| TlsError::Material { what: "TLS 1.2", source })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
