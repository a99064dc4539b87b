//! Certificates for tests: an authority of our own, a server and a client that it vouches for.

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// A certificate and its private key, PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pem {
    /// The certificate.
    pub certificate: String,
    /// The private key (PKCS #8).
    pub key: String,
}

/// What a TLS test needs.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// The authority's certificate, PEM; both sides trust it.
    pub authority: String,
    /// For `localhost` and 127.0.0.1.
    pub server: Pem,
    /// For the user that was named.
    pub client: Pem,
}

impl Certificates {
    /// Makes a new authority, a server certificate, and a client certificate whose common name is
    /// `user`.
    ///
    /// # Errors
    /// When the cryptography library cannot make a key.
    pub fn new(user: &str) -> Result<Self> {
        let mut params = named(Vec::new(), "Weir test authority")?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().context("making a key")?;
        let authority = params.self_signed(&key).context("signing the authority")?.pem();
        let issuer = Issuer::new(params, key);
        let hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let server = named(hosts, "localhost")?;
        let client = named(Vec::new(), user)?;
        Ok(Self {
            authority,
            server: signed(server, ExtendedKeyUsagePurpose::ServerAuth, &issuer)?,
            client: signed(client, ExtendedKeyUsagePurpose::ClientAuth, &issuer)?,
        })
    }
}

fn named(hosts: Vec<String>, common_name: &str) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(hosts).context("naming a certificate")?;
    params.distinguished_name.push(DnType::CommonName, common_name);
    Ok(params)
}

fn signed(
    mut params: CertificateParams,
    purpose: ExtendedKeyUsagePurpose,
    issuer: &Issuer<'_, KeyPair>,
) -> Result<Pem> {
    params.extended_key_usages = vec![purpose];
    let key = KeyPair::generate().context("making a key")?;
    let certificate = params.signed_by(&key, issuer).context("signing a certificate")?.pem();
    Ok(Pem { certificate, key: key.serialize_pem() })
}
