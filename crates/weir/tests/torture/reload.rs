//! A reload that takes databases away and brings others.

use std::fs;
use std::path::Path;

use weir_testkit::{PgServer, Signal, Want, Weir, until};

use crate::client::Client;
use crate::stage::PATIENCE;

/// A configuration that serves each of these under its own name.
fn config(port: u16, names: &[&str]) -> String {
    let databases =
        |name: &&str| format!("[databases.{name}]\nhost = \"127.0.0.1\"\nport = {port}\n");
    let databases: String = names.iter().map(databases).collect();
    format!(
        "[listen]\naddresses = [\"127.0.0.1:0\"]\n[http]\naddress = \"127.0.0.1:0\"\n\
         [auth]\nmethod = \"trust\"\n[pool]\nsize = 2\n{databases}"
    )
}

fn reload(weir: &mut Weir, toml: &str) {
    let reloads = |weir: &Weir| weir.log().matches("configuration reloaded").count();
    let before = reloads(weir);
    fs::write(weir.config_file(), toml).unwrap();
    weir.signal(Signal::HUP).unwrap();
    until("the reload", PATIENCE, || Ok((reloads(weir) > before).then_some(()))).unwrap();
}

/// The number of a pool that is no more may be given to another database: no client of the first
/// may then reach the second.
#[test]
fn clients_of_a_removed_database_never_reach_the_one_that_takes_its_place() {
    let server = PgServer::shared(Want::major(15)).unwrap();
    let names: Vec<String> = (0..3).map(|_| server.fresh_database().unwrap()).collect();
    let [one, two, three] = names.iter().map(String::as_str).collect::<Vec<_>>()[..] else {
        panic!("three databases")
    };
    let toml = config(server.port(), &[one, two]);
    let mut weir = Weir::configured(Path::new(env!("CARGO_BIN_EXE_weir")), &toml).unwrap();
    let port = weir.listen().port();
    let mut idle = Client::open(port, one);
    assert_eq!(idle.query("SELECT current_database()").value(), one);
    let mut deferred = Client::open(port, one);
    assert_eq!(deferred.query("BEGIN").status, Some(b'T'));
    let mut busy = Client::open(port, one);
    assert_eq!(busy.query("BEGIN; SELECT current_database()").value(), one);
    let mut untouched = Client::open(port, two);
    assert_eq!(untouched.query("SELECT current_database()").value(), two);

    reload(&mut weir, &config(server.port(), &[two, three]));
    for client in [&mut idle, &mut deferred] {
        let told = client.answer();
        assert_eq!((told.code(), told.status), ("57P01", None), "{told:?}");
    }
    assert_eq!(busy.query("SELECT current_database()").value(), one, "its transaction may end");
    assert_eq!(busy.query("COMMIT").status, Some(b'I'));
    let told = busy.answer();
    assert_eq!((told.code(), told.status), ("57P01", None), "{told:?}");

    let mut next = Client::open(port, three);
    assert_eq!(next.query("SELECT current_database()").value(), three);
    assert_eq!(untouched.query("SELECT current_database()").value(), two);
    assert!(Client::try_open(port, one).unwrap_err().contains("3D000"));
    weir.stop().unwrap();
}

/// A smaller pool takes effect without dropping anyone.
#[test]
fn a_pool_that_shrinks_keeps_its_clients() {
    let server = PgServer::shared(Want::major(15)).unwrap();
    let name = server.fresh_database().unwrap();
    let toml = config(server.port(), &[&name]).replace("size = 2", "size = 5");
    let mut weir = Weir::configured(Path::new(env!("CARGO_BIN_EXE_weir")), &toml).unwrap();
    let mut clients: Vec<_> = (0..5).map(|_| Client::open(weir.listen().port(), &name)).collect();
    for client in &mut clients {
        client.query("BEGIN; SELECT 1");
    }
    reload(&mut weir, &toml.replace("size = 5", "size = 1"));
    for client in &mut clients {
        assert_eq!(client.query("COMMIT").status, Some(b'I'));
    }
    let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'");
    until("the pool to shrink", PATIENCE, || {
        Ok((server.session("postgres")?.value(&sql)? == "1").then_some(()))
    })
    .unwrap();
    for client in &mut clients {
        assert_eq!(client.query("SELECT 7").value(), "7");
    }
    weir.stop().unwrap();
}
