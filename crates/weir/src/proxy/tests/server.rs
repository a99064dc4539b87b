//! One real PostgreSQL for all tests of the process: TLS, and a role for each way to log in.

use std::fs;
use std::sync::LazyLock;
use std::time::Duration;

use weir_testkit::{Certificates, Options, PgServer, Session, Want, until};

/// The password of every role.
pub(super) const PASSWORD: &str = "sésame";

/// The server and the authority that signed its certificate.
pub(super) struct Server {
    pub(super) pg: PgServer,
    pub(super) certificates: Certificates,
}

/// The first match decides: the role's name says how it logs in.
const HBA: &str = "\
local all all trust
hostnossl all tls_only 127.0.0.1/32 reject
host all tls_only,by_scram 127.0.0.1/32 scram-sha-256
host all by_md5 127.0.0.1/32 md5
host all by_clear 127.0.0.1/32 password
hostssl all by_cert 127.0.0.1/32 cert
host all postgres,by_trust 127.0.0.1/32 trust
";

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let certificates = Certificates::new("by_cert").unwrap();
    let options = Options::new(Want::default()).tls(certificates.server.clone());
    let pg = PgServer::start(options).unwrap();
    fs::write(pg.data_dir().join("pg_hba.conf"), HBA).unwrap();
    let create = format!(
        "SET password_encryption = 'scram-sha-256';
         CREATE ROLE by_scram LOGIN PASSWORD '{PASSWORD}';
         CREATE ROLE tls_only LOGIN PASSWORD '{PASSWORD}';
         CREATE ROLE by_clear LOGIN PASSWORD '{PASSWORD}';
         CREATE ROLE by_trust LOGIN;
         CREATE ROLE by_cert LOGIN;
         SET password_encryption = 'md5';
         CREATE ROLE by_md5 LOGIN PASSWORD '{PASSWORD}';
         SELECT pg_reload_conf()"
    );
    pg.execute("postgres", &create).unwrap();
    // The reload is in force once a login without a password fails.
    until("the new pg_hba.conf", Duration::from_secs(30), || {
        Ok(Session::tcp(pg.port(), "by_scram", "postgres").is_err().then_some(()))
    })
    .unwrap();
    Server { pg, certificates }
});

pub(super) fn server() -> &'static Server {
    &SERVER
}
