//! Orders to the healing ladder, from the console and over HTTP.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use weir_testkit::until;

use crate::quarantines::refusal;
use crate::stage::{PATIENCE, Row, Stage, code};

fn stage() -> Stage {
    Stage::with("[healing]\nexempt_superusers = false\n")
}

#[test]
fn evict_says_whom_it_would_hit_and_hits_only_those() {
    let stage = stage();
    stage.client().query("CREATE TABLE orders (n int)").unwrap();
    let (mut reader, mut writer) = (stage.client(), stage.client());
    reader.query("BEGIN").unwrap();
    reader.query("SELECT 1 /*route='/cart'*/").unwrap();
    writer.query("BEGIN").unwrap();
    writer.query("INSERT INTO orders VALUES (1) /*route='/cart'*/").unwrap();
    let outcomes = |order: &str| {
        let mut all: Vec<String> =
            stage.show(order).iter().map(|row| row["outcome"].clone()).collect();
        all.sort();
        all
    };
    let spared = "spared: rows written; FORCE rolls it back";
    assert_eq!(outcomes("EVICT ROUTE /cart DRY RUN"), [spared, "would be rolled back"]);
    reader.query("SELECT 1").unwrap();
    assert_eq!(outcomes("EVICT ROUTE /cart"), ["rolled back", spared]);
    let told = format!("{:#}", reader.query("SELECT 1").unwrap_err());
    assert!(told.contains("25P03") && told.contains("by an administrator"), "{told}");
    reader.query("ROLLBACK").unwrap();
    writer.query("SELECT 1").unwrap();
    let holder = stage.show("SHOW HOLDERS").pop().unwrap();
    let order = format!("EVICT CLIENT {} FORCE", holder["client_id"]);
    assert_eq!(outcomes(&order), ["rolled back"]);
    assert_eq!(code(writer.query("COMMIT")), "25P03");
    assert_eq!(code(stage.console().query("EVICT ROUTE /nobody")), "42704");
    let actions = stage.show("SHOW ACTIONS");
    assert_eq!(actions.len(), 2);
    assert!(actions.iter().all(|row| row["origin"] == "operator" && row["outcome"] == "done"));
}

#[test]
fn cap_limits_a_route_until_it_is_lifted() {
    let stage = stage();
    stage.client().query("SELECT 1 /*route='/bulk'*/").unwrap();
    assert_eq!(stage.show("CAP ROUTE /bulk 1 DRY RUN")[0]["outcome"], "holds at most 1 slots");
    assert_eq!(stage.show("SHOW CAPS"), []);
    stage.console().query("CAP ROUTE /bulk 1").unwrap();
    let cap = &stage.show("SHOW CAPS")[0];
    assert_eq!((&*cap["route"], &*cap["limit"]), ("/bulk", "1"));
    let mut one = stage.client();
    one.query("BEGIN").unwrap();
    one.query("SELECT 1 /*route='/bulk'*/").unwrap();
    let mut two = stage.client();
    let waits = crate::stage::beside(move || code(two.query("SELECT 2 /*route='/bulk'*/")));
    until("a waiter", PATIENCE, || Ok(stage.show("SHOW WAITERS").pop())).unwrap();
    stage.client().query("SELECT 3 /*route='/other'*/").unwrap();
    stage.console().query("CAP ROUTE /bulk OFF").unwrap();
    assert_eq!(waits.end(), "00000");
    assert_eq!(code(stage.console().query("CAP ROUTE /nobody 1")), "42704");
}

#[test]
fn a_quarantine_refuses_with_its_reason_and_ends_when_probes_are_well() {
    let stage = stage();
    let mut client = stage.client();
    let pay = "SELECT 1 /*route='/pay'*/";
    client.query(pay).unwrap();
    stage.console().query("QUARANTINE ROUTE /pay").unwrap();
    let told = refusal(&stage, pay);
    assert!(told.contains("the route \"/pay\" is in quarantine (53300)"), "{told}");
    client.query("SELECT 1 /*route='/cart'*/").unwrap();
    let row: Row = stage.show("SHOW QUARANTINE").pop().unwrap();
    assert_eq!((&*row["name"], &*row["origin"]), ("/pay", "operator"));
    assert_ne!(row["refused"], "0");
    // After a second probes are let in, one after the other; three that are well end it.
    until("the end of the quarantine", PATIENCE, || {
        let _ = client.query(pay);
        Ok(stage.show("SHOW QUARANTINE").is_empty().then_some(()))
    })
    .unwrap();
    client.query(pay).unwrap();
}

#[test]
fn one_is_let_in_at_a_time_and_an_operator_ends_it() {
    let stage = stage();
    stage.console().query("QUARANTINE ROUTE /pay").unwrap();
    let pay = "SELECT 1 /*route='/pay'*/";
    let mut probe = stage.client();
    probe.query("BEGIN").unwrap();
    until("a probe", PATIENCE, || {
        let let_in = probe.query(pay).is_ok();
        if !let_in {
            probe.query("ROLLBACK")?;
            probe.query("BEGIN")?;
        }
        Ok(let_in.then_some(()))
    })
    .unwrap();
    let mut other = stage.client();
    assert_eq!(code(other.query(pay)), "53300");
    assert_eq!(stage.show("QUARANTINE ROUTE /pay OFF DRY RUN")[0]["outcome"], "let in again");
    assert_eq!(code(other.query(pay)), "53300", "it was a dry run");
    stage.console().query("QUARANTINE ROUTE /pay OFF").unwrap();
    other.query(pay).unwrap();
    assert_eq!(code(stage.console().query("QUARANTINE ROUTE /pay OFF")), "42704");
}

#[test]
fn a_statement_is_quarantined_by_its_fingerprint() {
    let stage = stage();
    let mut client = stage.client();
    client.query("BEGIN; SELECT 1, 2").unwrap();
    let holder = stage.show("SHOW HOLDERS").pop().unwrap();
    client.query("COMMIT").unwrap();
    let order = format!("QUARANTINE FINGERPRINT {}", holder["fingerprint"]);
    stage.console().query(&order).unwrap();
    let told = refusal(&stage, "BEGIN; SELECT 3, 4");
    assert!(told.contains("is in quarantine (53300)"), "{told}");
    client.query("SELECT 3, 4, 5").unwrap();
}

/// The answer to an order over HTTP.
fn post(stage: &Stage, verb: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(stage.weir.http().unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /api/v1/healing/{verb} HTTP/1.1\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

const JSON: &str = "Content-Type: application/json\r\n";
const HERE: &str = "Content-Type: application/json\r\nHost: 127.0.0.1\r\n";

#[test]
fn orders_over_http_do_what_the_console_does() {
    let stage = stage();
    let mut reader = stage.client();
    reader.query("BEGIN").unwrap();
    reader.query("SELECT 1 /*route='/cart'*/").unwrap();
    let force = r#"{"route":"/cart","force":true,"dry_run":true}"#;
    let answer = post(&stage, "evict", HERE, force);
    assert!(answer.contains("\"done\":false"), "{answer}");
    assert!(answer.contains("would be rolled back"), "{answer}");
    reader.query("SELECT 1").unwrap();
    let answer = post(&stage, "evict", HERE, r#"{"route":"/cart","force":true}"#);
    assert!(answer.contains("\"outcome\":\"rolled back\""), "{answer}");
    assert_eq!(code(reader.query("SELECT 1")), "25P03");
    let actions = stage.http("/api/v1/actions", "");
    assert!(actions.contains("\"origin\":\"operator\""), "{actions}");
    for path in ["/api/v1/actions/summary", "/api/v1/caps", "/api/v1/quarantine"] {
        let answer = stage.http(path, "");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
    }
    let nobody = post(&stage, "evict", HERE, r#"{"route":"/nobody"}"#);
    assert!(nobody.starts_with("HTTP/1.1 409 "), "{nobody}");
    let wrong = post(&stage, "evict", HERE, r#"{"rout":"/cart"}"#);
    assert!(wrong.starts_with("HTTP/1.1 400 "), "{wrong}");
    assert!(post(&stage, "destroy", HERE, "{}").starts_with("HTTP/1.1 404 "));
}

#[test]
fn a_web_page_cannot_give_orders() {
    let stage = stage();
    let from = [
        ("a form", "Host: 127.0.0.1\r\nContent-Type: text/plain\r\n"),
        ("a form", "Host: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"),
        ("a name that was made to point here", &format!("Host: evil.example\r\n{JSON}")),
        (
            "the same with a token that nobody asks for",
            &format!("Host: evil.example\r\nAuthorization: Bearer x\r\n{JSON}"),
        ),
    ];
    for (who, headers) in from {
        let answer = post(&stage, "freeze", headers, "{}");
        assert!(answer.starts_with("HTTP/1.1 403 "), "{who}: {answer}");
    }
    assert!(stage.http("/metrics", "").contains("\nweir_healing_frozen 0\n"));
}

#[test]
fn with_a_token_orders_need_it() {
    let stage = Stage::with("token = \"open-sesame\"\n");
    assert!(post(&stage, "freeze", HERE, "{}").starts_with("HTTP/1.1 401 "));
    let headers = format!("Host: weir.internal\r\nAuthorization: Bearer open-sesame\r\n{JSON}");
    let answer = post(&stage, "freeze", &headers, "{}");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn the_server_has_limits_of_its_own_where_operators_want_them() {
    let limits = "[timeouts]\nstatement = \"10s\"\nidle_transaction = \"20s\"\n";
    let margin = "[healing]\nserver_margin = \"5s\"\n";
    let stage = Stage::with(&format!("{limits}{margin}"));
    let mut client = stage.client();
    assert_eq!(client.value("SHOW statement_timeout").unwrap(), "15s");
    assert_eq!(client.value("SHOW idle_in_transaction_session_timeout").unwrap(), "25s");
    let stage = Stage::with(limits);
    assert_eq!(stage.client().value("SHOW statement_timeout").unwrap(), "0");
    let exempt = "exempt_users = [\"postgres\"]\n";
    let stage = Stage::with(&format!("{limits}{margin}{exempt}"));
    assert_eq!(stage.client().value("SHOW statement_timeout").unwrap(), "0");
}
