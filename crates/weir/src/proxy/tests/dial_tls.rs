//! TLS towards a real PostgreSQL.

use std::fs;

use weir_core::config::choices::TlsMode;
use weir_core::config::settings;
use weir_testkit::{Account, Certificates, Scratch};

use super::dial::{dial, password, spec, world};
use super::server::{PASSWORD, server};
use crate::proxy::target::{Credential, DialSpec, ServerAddress};
use crate::proxy::tls::server_side;

/// PEM files that live as long as the test.
struct Files {
    home: Scratch,
}

impl Files {
    fn new() -> Self {
        let files = Self { home: Scratch::new(Account::unprivileged().unwrap()).unwrap() };
        let certificates = &server().certificates;
        files.write("ca", &certificates.authority);
        // Of the same name as the real one, so that only the signature tells them apart.
        files.write("other", &Certificates::new("x").unwrap().authority);
        files.write("cert", &certificates.client.certificate);
        files.write("key", &certificates.client.key);
        files
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.home.path().join(name), text).unwrap();
    }

    fn path(&self, name: &str) -> Option<String> {
        Some(self.home.path().join(name).display().to_string())
    }

    fn tls(&self, mode: TlsMode, ca: &str) -> settings::ServerTls {
        settings::ServerTls { mode, ca: self.path(ca), ..settings::ServerTls::default() }
    }
}

/// Leads to 127.0.0.1, and the certificate does not name it.
const MAPPED: &str = "::ffff:127.0.0.1";

fn secured(user: &str, credential: Credential, tls: &settings::ServerTls) -> DialSpec {
    DialSpec { tls: server_side::prepare(tls).unwrap(), ..spec(user, credential) }
}

#[test]
fn each_mode_checks_what_it_promises() {
    let mut world = world();
    let files = Files::new();
    let mut check = |mode, ca: &str, host: &str, fails: Option<&str>| {
        let mut spec = secured("tls_only", password(PASSWORD), &files.tls(mode, ca));
        spec.address = ServerAddress::Tcp { host: host.into(), port: server().pg.port() };
        match (dial(&mut world, spec), fails) {
            (Ok(dialled), None) => assert!(dialled.tls.is_some()),
            (Err(failure), Some(why)) => {
                assert!(failure.message.contains(why), "{mode:?} {ca} {host}: {failure:?}");
                assert!(failure.permanent, "{failure:?}");
            }
            (result, _) => panic!("{mode:?} {ca} {host}: {result:?}"),
        }
    };
    check(TlsMode::Prefer, "other", "127.0.0.1", None);
    check(TlsMode::Require, "other", "127.0.0.1", None);
    check(TlsMode::VerifyCa, "ca", "127.0.0.1", None);
    check(TlsMode::VerifyCa, "ca", MAPPED, None);
    check(TlsMode::VerifyCa, "other", "127.0.0.1", Some("BadSignature"));
    check(TlsMode::VerifyFull, "ca", "127.0.0.1", None);
    check(TlsMode::VerifyFull, "ca", "localhost", None);
    check(TlsMode::VerifyFull, "ca", MAPPED, Some("not valid for"));
    check(TlsMode::VerifyFull, "other", "localhost", Some("BadSignature"));
}
