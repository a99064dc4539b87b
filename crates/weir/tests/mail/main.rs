//! `weir alert test` against a mail server that is not ours, with TLS in both ways.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use weir_testkit::{Account, Certificates, Kept, Launch, Python, Scratch};

/// How long anything may take that must happen.
const PATIENCE: Duration = Duration::from_secs(60);

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mail/server.py");

/// The server, and the files that it and its clients need.
struct Mail {
    kept: Kept,
    port: u16,
    home: Scratch,
}

impl Mail {
    /// Starts the server: `implicit`, or with STARTTLS.
    fn start(how: &str) -> Self {
        let made_in = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let python = Python::with(made_in, "mail", "aiosmtpd==1.4.6\n").unwrap();
        let home = Scratch::new(Account::own()).unwrap();
        let ours = Certificates::new("weir").unwrap();
        let others = Certificates::new("weir").unwrap();
        let file = |name: &str, text: &str| {
            let path = home.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let certificate = file("server.crt", &ours.server.certificate);
        let key = file("server.key", &ours.server.key);
        file("ca.crt", &ours.authority);
        file("others.crt", &others.authority);
        let launch = Launch::new(python.interpreter(), &home.path().join("log"))
            .args([Path::new(SERVER), Path::new(how), &certificate, &key])
            .args(["hunter2"]);
        let mut kept = launch.start().unwrap();
        let port = kept.line(PATIENCE, |line| line.strip_prefix("port ")?.parse().ok()).unwrap();
        Self { kept, port, home }
    }

    /// `weir alert test` with a receiver that believes this authority and knows this password.
    fn test(&self, scheme: &str, authority: &str, password: &str) -> Output {
        let file = self.home.path().join("weir.toml");
        let authority = self.home.path().join(authority);
        let text = format!(
            "[auth]\nmethod = \"trust\"\n[databases.\"*\"]\nhost = \"127.0.0.1\"\n\
             [alerts.dba]\nkind = \"email\"\nurl = \"{scheme}://localhost:{}\"\n\
             user = \"weir\"\nsecret = \"{password}\"\nfrom = \"Weir <weir@example.com>\"\n\
             to = [\"dba@example.com\", \"oncall@example.com\"]\nca = {authority:?}\n",
            self.port
        );
        fs::write(&file, text).unwrap();
        let weir = env!("CARGO_BIN_EXE_weir");
        Command::new(weir).args(["alert", "test"]).arg(file).output().unwrap()
    }
}

fn check(how: &str, scheme: &str) {
    let mut mail = Mail::start(how);
    let output = mail.test(scheme, "ca.crt", "hunter2");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said, "dba (email): delivered\n", "{output:?}");
    let got = mail.kept.line(PATIENCE, |line| serde_json::from_str::<Value>(line).ok()).unwrap();
    assert_eq!((&got["tls"], &got["user"]), (&true.into(), &"weir".into()), "{got}");
    assert_eq!(got["from"], "weir@example.com");
    assert_eq!(got["to"], serde_json::json!(["dba@example.com", "oncall@example.com"]));
    assert!(got["text"].as_str().unwrap().contains("Subject: "), "{got}");
    // A stranger's certificate gets neither the password nor the mail, a wrong password no mail.
    for (authority, password) in [("others.crt", "hunter2"), ("ca.crt", "wrong")] {
        let output = mail.test(scheme, authority, password);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("dba (email): ") && !said.contains("delivered\n"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    let output = mail.test(scheme, "ca.crt", "hunter2");
    assert!(output.status.success(), "the server is as it was: {output:?}");
    let second = mail.kept.line(PATIENCE, |line| serde_json::from_str::<Value>(line).ok());
    assert!(second.unwrap()["text"].is_string(), "the next mail is the next good one");
}

#[test]
fn with_tls_from_the_first_byte() {
    check("implicit", "smtps");
}

#[test]
fn with_starttls() {
    check("starttls", "smtp");
}
