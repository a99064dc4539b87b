//! A server speaks TLS with the certificates made here, and clients that check them accept it.

#![cfg(feature = "tls")]

use std::fs;
use std::process::Command;

use weir_testkit::{Account, Certificates, Options, PgServer, Scratch, Want};

#[test]
fn a_checking_client_accepts_the_server_and_no_other_authority() {
    let certificates = Certificates::new("postgres").unwrap();
    let options = Options::new(Want::any()).tls(certificates.server);
    let server = PgServer::start(options).unwrap();
    let home = Scratch::new(Account::own()).unwrap();
    let connect = |authority: &str| {
        let root = home.path().join("root.crt");
        fs::write(&root, authority).unwrap();
        let url = server.url("postgres");
        Command::new(server.installation().program("psql"))
            .arg(format!("{url}?sslmode=verify-full&sslrootcert={}", root.display()))
            .args(["-Atc", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"])
            .output()
            .unwrap()
    };
    let trusted = connect(&certificates.authority);
    assert_eq!(String::from_utf8_lossy(&trusted.stdout), "t\n", "{trusted:?}");
    let stranger = connect(&Certificates::new("postgres").unwrap().authority);
    assert!(String::from_utf8_lossy(&stranger.stderr).contains("SSL error"), "{stranger:?}");
}
