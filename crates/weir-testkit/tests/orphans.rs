//! A server ends, and its files go, when the process that started it is killed with no chance to
//! clean up.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, io};

use weir_testkit::{Options, PgServer, Session, Want, until};

const ROLE: &str = "WEIR_TESTKIT_OWNER";

/// Not a check of its own: the process that the test below starts and kills.
#[test]
fn owner() {
    if env::var_os(ROLE).is_none() {
        return;
    }
    let server = PgServer::start(Options::new(Want::any())).unwrap();
    println!("\nserver {} {}", server.port(), server.data_dir().display());
    let mut line = String::new();
    io::stdin().read_line(&mut line).unwrap();
}

#[test]
fn a_killed_owner_leaves_no_server_and_no_files() {
    let mut owner = Command::new(env::current_exe().unwrap())
        .args(["owner", "--exact", "--nocapture"])
        .env(ROLE, "yes")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines().map_while(Result::ok);
    let said = lines.into_iter().find(|line| line.starts_with("server ")).unwrap();
    let mut words = said.split(' ').skip(1);
    let port = words.next().unwrap().parse().unwrap();
    let home = Path::new(words.next().unwrap()).parent().unwrap();
    let mut session = Session::tcp(port, "postgres", "postgres").unwrap();
    session.query("SELECT 1").unwrap();

    owner.kill().unwrap();
    owner.wait().unwrap();

    let limit = Duration::from_secs(60);
    until("the files to go", limit, || Ok((!home.exists()).then_some(()))).unwrap();
    assert!(session.query("SELECT 1").is_err());
    assert!(Session::tcp(port, "postgres", "postgres").is_err());
}
