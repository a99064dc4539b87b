//! TLS, SCRAM and Unix sockets on both sides, with psql as the client.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use weir_testkit::{
    Account, Auth, Certificates, Options, PgServer, Scratch, Signal, Want, Weir, output_within,
    until,
};

use crate::stage::PATIENCE;

const PROGRAM_MAX: Duration = Duration::from_secs(60);

/// A server with TLS and SCRAM, and a proxy that demands TLS of both sides.
struct Secure {
    weir: Weir,
    server: PgServer,
    files: Scratch,
}

impl Secure {
    /// `auth` is the table that says how clients prove who they are.
    fn new(auth: &str) -> Self {
        let certificates = Certificates::new("app").unwrap();
        let options = Options::new(Want::major(15)).auth(Auth::Scram);
        let server = PgServer::start(options.tls(certificates.server.clone())).unwrap();
        server.execute("postgres", "CREATE ROLE app LOGIN PASSWORD 'app-secret'").unwrap();
        server.execute("postgres", "CREATE DATABASE shop OWNER app").unwrap();
        let files = Scratch::new(Account::own()).unwrap();
        place(files.path(), &certificates);
        fs::write(files.path().join("upstream-ca"), &certificates.authority).unwrap();
        let (dir, port) = (files.path().display(), server.port());
        let toml = format!(
            "[listen]\naddresses = [\"127.0.0.1:0\"]\n[http]\naddress = \"127.0.0.1:0\"\n\
             [tls.client]\nmode = \"require\"\ncert = \"{dir}/cert\"\nkey = \"{dir}/key\"\n\
             [tls.server]\nmode = \"verify-full\"\nca = \"{dir}/upstream-ca\"\n\
             [pool]\nsize = 2\nrotation = \"every-transaction\"\n\
             [databases.\"*\"]\nhost = \"localhost\"\nport = {port}\n{auth}\n"
        );
        let weir = Weir::configured(Path::new(env!("CARGO_BIN_EXE_weir")), &toml).unwrap();
        Self { weir, server, files }
    }

    /// A psql that verifies whom it talks to.
    fn psql(&self, password: &str) -> Command {
        let mut psql = Command::new(self.server.installation().program("psql"));
        psql.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"])
            .env("PGHOST", "localhost")
            .env("PGPORT", self.weir.listen().port().to_string())
            .env("PGUSER", "app")
            .env("PGDATABASE", "shop")
            .env("PGPASSWORD", password)
            .env("PGSSLMODE", "verify-full")
            .env("PGSSLROOTCERT", self.files.path().join("ca"));
        psql
    }

    fn run(&self, sql: &str) -> anyhow::Result<String> {
        output_within(PROGRAM_MAX, self.psql("app-secret").args(["-c", sql]))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// Results and COPY data of some megabytes in both directions, byte by byte.
    fn check_bulk(&self) {
        let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        assert_eq!(self.run(sql).unwrap().trim(), "t", "TLS to the server");
        let rows = self.run("SELECT n, repeat('x', 990) FROM generate_series(1, 5000) n").unwrap();
        assert_eq!(rows.lines().count(), 5000);
        let whole = |(n, row): (usize, &str)| row == format!("{n}|{}", "x".repeat(990));
        assert!((1..).zip(rows.lines()).all(whole));
        let text: String = (0..100_000).map(|n| format!("{n}\tthe word {n}\n")).collect();
        fs::write(self.file("in"), &text).unwrap();
        self.run("CREATE TABLE moved (n int PRIMARY KEY, word text)").unwrap();
        self.run(&format!("\\copy moved FROM '{}'", self.file("in").display())).unwrap();
        let out = self.file("out");
        let back = "(SELECT * FROM moved ORDER BY n)";
        self.run(&format!("\\copy {back} TO '{}'", out.display())).unwrap();
        assert!(fs::read_to_string(out).unwrap() == text, "what comes back is what went in");
    }
}

/// The files of the client side.
fn place(dir: &Path, certificates: &Certificates) {
    fs::write(dir.join("cert"), &certificates.server.certificate).unwrap();
    fs::write(dir.join("key"), &certificates.server.key).unwrap();
    fs::write(dir.join("ca"), &certificates.authority).unwrap();
}

#[test]
fn scram_over_tls_on_both_sides() {
    let secure = Secure::new("[auth]\nmethod = \"scram\"\n[users.app]\npassword = \"app-secret\"");
    secure.check_bulk();
    let mut wrong = secure.psql("wrong");
    let refused = output_within(PROGRAM_MAX, wrong.args(["-c", "SELECT 1"])).unwrap_err();
    assert!(format!("{refused:#}").contains("password authentication failed"), "{refused:#}");
}

/// The proxy knows no password of the user: it lets the client prove to it what the server's
/// verifier says, and shows the server the key that the proof revealed.
#[test]
fn passthrough_over_tls_on_both_sides() {
    let secure = Secure::new(
        "[auth]\nmethod = \"passthrough\"\nuser = \"postgres\"\npassword = \"weir-secret\"",
    );
    secure.check_bulk();
    let mut wrong = secure.psql("wrong");
    let refused = output_within(PROGRAM_MAX, wrong.args(["-c", "SELECT 1"])).unwrap_err();
    assert!(format!("{refused:#}").contains("password authentication failed"), "{refused:#}");
    assert_eq!(secure.run("SELECT current_user").unwrap().trim(), "app");
}

/// New certificates hold for new connections; those that exist go on.
#[test]
fn certificates_are_read_again_without_dropping_anyone() {
    let mut secure =
        Secure::new("[auth]\nmethod = \"scram\"\n[users.app]\npassword = \"app-secret\"");
    let mut gate = secure.server.session("shop").unwrap();
    gate.query("SELECT pg_advisory_lock(7)").unwrap();
    let mut before = secure.psql("app-secret");
    before.args(["-c", "SELECT pg_advisory_xact_lock(7)", "-c", "SELECT 'still here'"]);
    let before = before.stdout(std::process::Stdio::piped()).spawn().unwrap();
    until("psql to be at work", PATIENCE, || {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        let count = secure.server.session("postgres")?.value(waiting)?;
        Ok((count == "1").then_some(()))
    })
    .unwrap();
    let old = fs::read(secure.file("ca")).unwrap();
    place(secure.files.path(), &Certificates::new("app").unwrap());
    let new = fs::read(secure.file("ca")).unwrap();
    secure.weir.signal(Signal::HUP).unwrap();
    until("the reload", PATIENCE, || {
        Ok(secure.weir.log().contains("configuration reloaded").then_some(()))
    })
    .unwrap();
    assert_eq!(secure.run("SELECT 7").unwrap().trim(), "7", "verified by the new authority");
    fs::write(secure.file("ca"), old).unwrap();
    let refused = secure.run("SELECT 7").unwrap_err();
    assert!(format!("{refused:#}").contains("SSL error"), "{refused:#}");
    fs::write(secure.file("ca"), new).unwrap();
    gate.query("SELECT pg_advisory_unlock(7)").unwrap();
    let said = before.wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&said.stdout).contains("still here"), "{said:?}");
}

/// A client that does not encrypt is refused where that is demanded.
#[test]
fn plain_text_is_refused_where_tls_is_demanded() {
    let secure = Secure::new("[auth]\nmethod = \"scram\"\n[users.app]\npassword = \"app-secret\"");
    let mut plain = secure.psql("app-secret");
    plain.env("PGSSLMODE", "disable").args(["-c", "SELECT 1"]);
    let refused = output_within(PROGRAM_MAX, &mut plain).unwrap_err();
    assert!(format!("{refused:#}").contains("FATAL"), "{refused:#}");
}

#[test]
fn unix_sockets_on_both_sides() {
    let server = PgServer::start(Options::new(Want::major(15))).unwrap();
    let files = Scratch::new(Account::own()).unwrap();
    let (dir, upstream) = (files.path().display(), server.socket_dir().display().to_string());
    let port = server.port();
    let toml = format!(
        "[listen]\naddresses = [\"127.0.0.1:0\", \"unix:{dir}:7000\"]\n\
         [http]\naddress = \"127.0.0.1:0\"\n[auth]\nmethod = \"trust\"\n\
         [pool]\nsize = 2\nrotation = \"every-transaction\"\n\
         [databases.\"*\"]\nhost = \"{upstream}\"\nport = {port}\n"
    );
    let weir = Weir::configured(Path::new(env!("CARGO_BIN_EXE_weir")), &toml).unwrap();
    let run = |sql: &str| {
        let mut psql = Command::new(server.installation().program("psql"));
        psql.args(["-X", "-A", "-t", "-q", "-c", sql]).env("PGHOST", files.path());
        psql.env("PGPORT", "7000").env("PGUSER", "postgres").env("PGDATABASE", "postgres");
        output_within(PROGRAM_MAX, &mut psql).unwrap()
    };
    let sql = "SELECT client_addr IS NULL FROM pg_stat_activity WHERE pid = pg_backend_pid()";
    assert_eq!(run(sql).trim(), "t", "a Unix socket to the server");
    let rows = run("SELECT repeat('x', 990) FROM generate_series(1, 5000)");
    assert_eq!((rows.lines().count(), rows.len()), (5000, 5000 * 991));
    weir.stop().unwrap();
}
