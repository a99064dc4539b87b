//! Large replies, which are read at a pace: every byte arrives, whatever ends them.

use crate::client::{Answer, Client};
use crate::frames;
use crate::stage::Stage;

/// Rows of 1 kB: several times what makes a reply large.
const ROWS: usize = 6_000;

fn query(rows: usize) -> String {
    format!("SELECT n, repeat('x', 990) FROM generate_series(1, {rows}) n")
}

fn check(answer: &Answer, rows: usize) {
    assert_eq!((answer.code(), answer.rows.len(), answer.status), ("", rows, Some(b'I')));
    assert!((1..).zip(&answer.rows).all(|(n, row)| row[0] == n.to_string() && row[1].len() == 990));
}

/// The lines of a COPY, numbered from one.
fn check_lines(copied: &[u8], lines: usize) {
    let text = std::str::from_utf8(copied).unwrap();
    let numbers = text.lines().map(|line| line.split('\t').next().unwrap());
    assert!(numbers.eq((1..=lines).map(|n| n.to_string())), "not the lines 1 to {lines}");
}

#[test]
fn every_kind_of_large_reply_arrives_whole_while_others_are_served() {
    let stage = Stage::new(3, "");
    let (port, database) = (stage.port(), stage.database().to_owned());
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let mut client = Client::open(port, &database);
            std::thread::spawn(move || {
                for rows in [900, 1_100, 2_100, ROWS] {
                    check(&client.query(&query(rows)), rows);
                    let parts =
                        [frames::parse("", &query(rows)), frames::bind("", &[]), frames::execute()];
                    client.send(&[parts.concat(), frames::sync()].concat());
                    check(&client.answer(), rows);
                    let copy = client.query(&format!("COPY ({}) TO STDOUT", query(rows)));
                    check_lines(&copy.copied, rows);
                    assert_eq!(copy.tags, [format!("COPY {rows}")]);
                }
            })
        })
        .collect();
    let mut other = stage.client();
    for n in 0..200 {
        assert_eq!(other.query(&format!("SELECT {n}")).value(), n.to_string());
    }
    for reader in readers {
        reader.join().unwrap();
    }
    stage.check_all_free(3);
}

/// Several large replies and small ones in one transaction, and in one pipeline.
#[test]
fn small_replies_follow_large_ones_in_one_lease() {
    let stage = Stage::new(1, "");
    let mut client = stage.client();
    client.query("BEGIN");
    for n in 0..4 {
        let large = client.query(&query(ROWS));
        assert_eq!((large.rows.len(), large.status), (ROWS, Some(b'T')));
        assert_eq!(client.query(&format!("SELECT {n}")).value(), n.to_string());
    }
    client.query("COMMIT");
    client.send(&[frames::query(&query(ROWS)), frames::query("SELECT 7")].concat());
    check(&client.answer(), ROWS);
    assert_eq!(client.answer().value(), "7");
    stage.check_all_free(1);
}

#[test]
fn an_error_and_a_notice_in_a_large_reply_come_in_their_place() {
    let stage = Stage::new(1, "");
    let mut client = stage.client();
    client.query(
        "CREATE FUNCTION noisy(n int) RETURNS int LANGUAGE plpgsql AS \
         'BEGIN IF n % 2000 = 0 THEN RAISE NOTICE ''at %'', n; END IF; RETURN 1 / (5001 - n); END'",
    );
    let rows = "SELECT n, repeat('x', 990), noisy(n) FROM generate_series(1, 9000) n";
    for text in [rows.to_owned(), format!("COPY ({rows}) TO STDOUT")] {
        client.send(&frames::query(&text));
        let (mut before, mut notices) = (0, Vec::new());
        let error = loop {
            let said = client.read().unwrap().unwrap();
            match said.tag {
                b'D' | b'd' => before += 1,
                b'N' => notices.push((before, said.report().message)),
                b'E' => break said.report(),
                _ => {}
            }
        };
        assert_eq!((before, error.code.as_str()), (5000, "22012"));
        // The server may send notices ahead of the rows that it has not flushed.
        let told: Vec<&str> = notices.iter().map(|(_, message)| message.as_str()).collect();
        assert_eq!(told, ["at 2000", "at 4000"]);
        assert_eq!(client.until(b'Z').body, b"I");
        assert_eq!(client.query("SELECT 7").value(), "7");
    }
    stage.check_all_free(1);
}

/// After much came fast, little comes slowly; then much again.
#[test]
fn a_reply_that_gets_slow_is_not_stuck() {
    let stage = Stage::new(1, "");
    let mut client = stage.client();
    let text = "SELECT n, repeat('x', 990) || left(pg_sleep(CASE WHEN n BETWEEN 3001 AND 3050 \
                THEN 0.005 ELSE 0 END)::text, 0) FROM generate_series(1, 6000) n";
    check(&client.query(text), ROWS);
    stage.check_all_free(1);
}

/// One that leaves in the middle of a large reply frees its slot.
#[test]
fn who_leaves_in_a_large_reply_holds_nothing() {
    let stage = Stage::new(1, "");
    for bytes in [1 << 20, 3 << 20, 5 << 20] {
        let mut client = stage.client();
        client.send(&frames::query(&query(100_000)));
        let mut read = 0;
        while read < bytes {
            read += client.read().unwrap().unwrap().body.len();
        }
    }
    assert_eq!(stage.client().query("SELECT 7").value(), "7");
    stage.check_all_free(1);
}
