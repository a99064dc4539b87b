//! TLS towards clients.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use weir_core::config::choices::{AuthMethod, TlsMode};
use weir_core::config::settings::ClientTls;
use weir_testkit::{Account, Certificates, Scratch};

use super::client::answer;
use super::world::{PATIENCE, Peer, World, settings, startup, user};
use crate::proxy::tls::ALPN;
use crate::proxy::tls::certificate::{common_name, end_point_hash};

const SSL_REQUEST: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x2f";

/// A world whose certificate is signed by `certificates.authority`.
struct Secure {
    world: World,
    certificates: Certificates,
    _files: Scratch,
}

impl Secure {
    fn new(method: AuthMethod, mode: TlsMode) -> Self {
        let certificates = Certificates::new("alice").unwrap();
        let files = Scratch::new(Account::unprivileged().unwrap()).unwrap();
        let file = |name: &str, text: &str| {
            let path = files.path().join(name);
            std::fs::write(&path, text).unwrap();
            Some(path.display().to_string())
        };
        let mut settings = settings(method, 1);
        settings.users.insert("alice".into(), user("right"));
        settings.client_tls = ClientTls {
            mode,
            cert: file("cert", &certificates.server.certificate),
            key: file("key", &certificates.server.key),
            ca: file("ca", &certificates.authority),
            ..ClientTls::default()
        };
        Self { world: World::new(settings), certificates, _files: files }
    }

    fn config(&self, alpn: bool, with_certificate: bool) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(der(&self.certificates.authority)).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = if with_certificate {
            let client = &self.certificates.client;
            let key = PrivateKeyDer::from_pem_slice(client.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![der(&client.certificate)], key).unwrap()
        } else {
            builder.with_no_client_auth()
        };
        if alpn {
            config.alpn_protocols = vec![ALPN.to_vec()];
        }
        config
    }

    /// TLS at once, or after asking.
    fn connect(&self, config: ClientConfig, direct: bool) -> Peer {
        let mut stream = TcpStream::connect(&self.world.threads.addresses()[0]).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        if !direct {
            stream.write_all(SSL_REQUEST).unwrap();
            let mut answer = [0];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(answer, *b"S");
        }
        let name = ServerName::try_from("localhost").unwrap();
        let tls = ClientConnection::new(Arc::new(config), name).unwrap();
        Peer { stream: Box::new(StreamOwned::new(tls, stream)) }
    }
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

const ALICE: &[(&str, &str)] = &[("user", "alice"), ("database", "app")];

#[test]
fn scram_is_bound_to_the_channel() {
    let mut secure = Secure::new(AuthMethod::Scram, TlsMode::Require);
    let hash = end_point_hash(&der(&secure.certificates.server.certificate));
    assert!(hash.is_some());
    let mut client = secure.connect(secure.config(true, false), false);
    client.startup(ALICE);
    let outcome = answer(&mut client, ("alice", "right"), hash.as_deref());
    assert_eq!((outcome.asked, outcome.refused), (vec!["SCRAM-SHA-256-PLUS"], None));
    assert!(secure.world.admitted().tls.is_some());

    let mut client = secure.connect(secure.config(true, false), false);
    client.startup(ALICE);
    let elsewhere = answer(&mut client, ("alice", "right"), Some(&[0; 32]));
    let (code, message) = elsewhere.refused.unwrap();
    assert_eq!(code, "28000");
    assert!(message.contains("channel binding"), "{message}");
}

#[test]
fn direct_tls_needs_the_protocol_name() {
    let mut secure = Secure::new(AuthMethod::Trust, TlsMode::Prefer);
    let mut client = secure.connect(secure.config(true, false), true);
    client.startup(ALICE);
    assert_eq!(client.message().0, b'R');
    assert!(secure.world.admitted().tls.is_some());

    let mut client = secure.connect(secure.config(false, false), true);
    client.startup(ALICE);
    let (code, message, _) = client.error();
    assert_eq!(code, "08P01");
    assert!(message.contains("ALPN"), "{message}");
}

#[test]
fn asking_for_tls_inside_tls_is_refused() {
    let secure = Secure::new(AuthMethod::Trust, TlsMode::Prefer);
    for direct in [true, false] {
        let mut client = secure.connect(secure.config(true, false), direct);
        client.send(SSL_REQUEST);
        assert_eq!(client.error().0, "08P01");
    }
}

#[test]
fn stuffing_is_refused_where_tls_is_spoken_too() {
    let secure = Secure::new(AuthMethod::Trust, TlsMode::Prefer);
    let mut client = secure.world.connect();
    client.send(&[SSL_REQUEST, b"\x16\x03\x01"].concat());
    assert_eq!(client.error().0, "08P01");
}

#[test]
fn plain_text_gets_in_only_where_tls_is_not_demanded() {
    for (mode, refused) in
        [(TlsMode::Allow, false), (TlsMode::Prefer, false), (TlsMode::Require, true)]
    {
        let secure = Secure::new(AuthMethod::Trust, mode);
        let mut client = secure.world.connect();
        client.startup(ALICE);
        if refused {
            let (code, message, hint) = client.error();
            assert_eq!((code.as_str(), message.as_str()), ("28000", "TLS is required"));
            assert!(hint.contains("sslmode=require"), "{hint}");
        } else {
            assert_eq!(client.message().0, b'R');
        }
    }
}

#[test]
fn a_certificate_names_its_user() {
    let log_in = |secure: &Secure, name: &str, with_certificate: bool| {
        let mut client = secure.connect(secure.config(true, with_certificate), false);
        client.startup(&[("user", name), ("database", "app")]);
        answer(&mut client, (name, ""), None).refused.map(|(code, _)| code)
    };
    let optional = Secure::new(AuthMethod::Cert, TlsMode::Require);
    assert_eq!(common_name(&der(&optional.certificates.client.certificate)).unwrap(), "alice");
    assert_eq!(log_in(&optional, "alice", true), None);
    assert_eq!(log_in(&optional, "bob", true), Some("28000".into()));
    assert_eq!(log_in(&optional, "alice", false), Some("28000".into()));
    let full = Secure::new(AuthMethod::Trust, TlsMode::VerifyFull);
    assert_eq!(log_in(&full, "alice", true), None);
    assert_eq!(log_in(&full, "bob", true), Some("28000".into()));
    let chain = Secure::new(AuthMethod::Trust, TlsMode::VerifyCa);
    assert_eq!(log_in(&chain, "bob", true), None);
}

#[test]
fn without_a_demanded_certificate_there_is_no_connection() {
    let secure = Secure::new(AuthMethod::Trust, TlsMode::VerifyCa);
    let mut client = secure.connect(secure.config(true, false), false);
    // TLS 1.3 tells the client with the first read after the handshake.
    let _ = client.stream.write_all(&startup(weir_wire::startup::ProtocolVersion::V3_0, ALICE));
    assert!(client.stream.read(&mut [0; 1]).is_err());
}

/// What a client sends at once behind its startup packet is the worker's to read.
#[test]
fn nothing_is_lost_between_login_thread_and_worker() {
    let mut secure = Secure::new(AuthMethod::Trust, TlsMode::Prefer);
    let packet = startup(weir_wire::startup::ProtocolVersion::V3_0, ALICE);
    let behind: Vec<u8> = (0..20_000_u32).flat_map(u32::to_be_bytes).collect();
    let mut client = secure.connect(secure.config(true, false), false);
    client.send(&[&packet[..], &behind].concat());
    let admitted = secure.world.admitted();
    let mut seen = admitted.leftover;
    let mut tls = admitted.tls.unwrap();
    let mut socket = TcpStream::from(admitted.socket);
    socket.set_nonblocking(false).unwrap();
    let mut chunk = [0; 4096];
    assert!(tls.reader().read(&mut chunk).is_err(), "decrypted bytes belong to the leftover");
    tls.process_new_packets().unwrap();
    while seen.len() < behind.len() {
        match tls.reader().read(&mut chunk) {
            Ok(count) => seen.extend_from_slice(&chunk[..count]),
            Err(_) => {
                tls.read_tls(&mut socket).unwrap();
                tls.process_new_packets().unwrap();
            }
        }
    }
    assert!(seen == behind);
}

#[test]
fn a_reload_brings_the_new_certificate() {
    let mut secure = Secure::new(AuthMethod::Trust, TlsMode::Prefer);
    let fresh = Certificates::new("alice").unwrap();
    let settings = secure.world.threads.house().directory.load().settings.clone();
    let write = |file: &Option<String>, text: &str| {
        std::fs::write(file.as_ref().unwrap(), text).unwrap();
    };
    write(&settings.client_tls.cert, &fresh.server.certificate);
    write(&settings.client_tls.key, &fresh.server.key);
    secure.world.threads.reload(settings).unwrap();
    secure.certificates = fresh;
    let mut client = secure.connect(secure.config(true, false), false);
    client.startup(ALICE);
    assert_eq!(client.message().0, b'R');
}
