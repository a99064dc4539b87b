//! What the normal form of a text is, as rows, and that the fingerprint is its hash.

use weir_wire::sql::{fingerprint, normalise};
use xxhash_rust::xxh3::xxh3_64;

fn normal(sql: &str) -> String {
    let mut out = String::new();
    normalise(sql.as_bytes(), &mut out, usize::MAX);
    out
}

#[track_caller]
fn check(sql: &str, expected: &str) {
    assert_eq!(normal(sql), expected, "{sql}");
    assert_eq!(fingerprint(sql.as_bytes()).0, xxh3_64(expected.as_bytes()), "hash of {sql}");
}

#[track_caller]
fn check_all(rows: &[(&str, &str)]) {
    for (sql, expected) in rows {
        check(sql, expected);
    }
}

#[test]
fn constants_and_layout() {
    check_all(&[
        ("SELECT 1", "select ?"),
        ("select\n\t'x' ;", "select ?"),
        ("SELECT $1;;", "select ?"),
        ("SELECT E'a\\'b', $$x$$, 0x1F, 1.5e-3, B'1', U&'a'", "select ?, ?, ?, ?, ?, ?"),
        ("SELECT /* c */ a -- d\n FROM t", "select a from t"),
        ("SELECT A.b, \"T\".\"C\" FROM A", "select a.b, \"T\".\"C\" from a"),
        ("SELECT a . b , t.* FROM t", "select a.b, t.* from t"),
        ("SELECT count( * ) , f (1,2)", "select count(*), f(?, ?)"),
        ("WHERE a=1 AND b<>'x'", "where a = ? and b <> ?"),
        ("SELECT '1'::int, a :: numeric ( 10,2 )", "select ?::int, a::numeric(?, ?)"),
        ("SELECT '{1,2}'::int[], a [ 1 ]", "select ?::int[], a[?]"),
        ("SELECT INTERVAL '1 day'", "select interval ?"),
        ("SELECT 1; SELECT 2;", "select ?; select ?"),
        (";; SELECT 1", "select ?"),
        ("", ""),
        ("-- x", ""),
        ("SELECT (1)", "select (?)"),
        ("SELECT a IS NULL, b IS NOT TRUE", "select a is null, b is not true"),
        ("SELECT é FROM ü", "select é from ü"),
    ]);
}

#[test]
fn signs_belong_to_constants() {
    check_all(&[
        ("SELECT -1", "select ?"),
        ("SELECT a-1, a - 1, a -1", "select a - ?, a - ?, a - ?"),
        ("SELECT (-1), f(-1, +2)", "select (?), f(?, ?)"),
        ("WHERE a = -1 AND b > - 2.5", "where a = ? and b > ?"),
        ("WHERE a BETWEEN -5 AND -1", "where a between ? and ?"),
        ("SELECT (a)-1, 2-1, a[1]-1", "select (a) - ?, ? - ?, a[?] - ?"),
        ("SELECT -a", "select - a"),
        ("LIMIT -1", "limit ?"),
    ]);
}

#[test]
fn lists_fold() {
    check_all(&[
        ("WHERE a IN (1)", "where a in (?)"),
        ("WHERE a IN (1, 2,3)", "where a in (?)"),
        ("WHERE a NOT IN ($1,$2,$3)", "where a not in (?)"),
        ("WHERE a in(-1, -2, +3)", "where a in (?)"),
        ("WHERE a IN ('a'::text, 'b'::text)", "where a in (?::text)"),
        ("WHERE a IN (DATE '2020-01-01', DATE '2020-01-02')", "where a in (date ?)"),
        ("WHERE a IN (1, NULL, 3)", "where a in (?)"),
        ("WHERE (a, b) IN ((1, 2), (3, 4))", "where (a, b) in ((?, ?))"),
        ("WHERE a IN (1, x, 2, y)", "where a in (?, x, y)"),
        ("WHERE a IN (x, 1, 2)", "where a in (x, ?)"),
        ("WHERE a IN (SELECT 1, b FROM t)", "where a in (select ?, b from t)"),
        ("WHERE a IN (1,2) AND b IN (3,4)", "where a in (?) and b in (?)"),
        (
            "WHERE a IN (1, (SELECT x FROM t WHERE y IN (1, 2)), 3)",
            "where a in (?, (select x from t where y in (?)))",
        ),
        ("WHERE a = ANY(ARRAY[1,2,3])", "where a = any(array[?])"),
        ("SELECT ARRAY[[1,2],[3,4]]", "select array[[?]]"),
        ("SELECT f(1, 2)", "select f(?, ?)"),
        (
            "WHERE a IN ('x'::character varying(10), 'y'::text)",
            "where a in (?::character varying(?))",
        ),
        ("WHERE a IN (1) OR a IN (x, 2)", "where a in (?) or a in (x, ?)"),
        ("WHERE a IN ((1::int, x), (2::int, y))", "where a in ((?::int, x), (?::int, y))"),
        ("WHERE a IN (1,", "where a in (?,"),
        ("WHERE a IN ()", "where a in ()"),
    ]);
}

#[test]
fn rows_fold() {
    check_all(&[
        ("INSERT INTO t (a, b) VALUES (1, 2)", "insert into t(a, b) values (?, ?)"),
        (
            "INSERT INTO t VALUES (1, now()), (2, now()) RETURNING id, a",
            "insert into t values (?, now()) returning id, a",
        ),
        (
            "INSERT INTO t VALUES ($1, $2),($3, $4),($5,$6) ON CONFLICT (a, b) DO NOTHING",
            "insert into t values (?, ?) on conflict(a, b) do nothing",
        ),
        ("VALUES (1), (2)", "values (?)"),
        (
            "SELECT * FROM (VALUES (1, NULL), (2, 'x')) AS v(a, b), (SELECT 1) w",
            "select * from (values (?, ?)) as v(a, b), (select ?) w",
        ),
        ("SELECT * FROM (VALUES (1)), f((1), (2))", "select * from (values (?)), f((?), (?))"),
        ("INSERT INTO t VALUES (1) RETURNING a, (b)", "insert into t values (?) returning a, (b)"),
        ("VALUES (1), f(2)", "values (?), f(?)"),
    ]);
}

#[test]
fn inline_nulls_and_truths_are_constants() {
    check_all(&[
        ("UPDATE t SET a = NULL, b = true WHERE id = 1", "update t set a = ?, b = ? where id = ?"),
        ("UPDATE t SET a = 'x', b = false WHERE id = 2", "update t set a = ?, b = ? where id = ?"),
        ("SELECT f(NULL, a)", "select f(?, a)"),
        ("ALTER TABLE t ALTER a SET NOT NULL", "alter table t alter a set not null"),
    ]);
}

#[test]
fn numbered_names_are_hidden() {
    check_all(&[
        ("SAVEPOINT \"s140_x1\"", "savepoint ?"),
        ("RELEASE SAVEPOINT \"s140_x2\"", "release savepoint ?"),
        ("RELEASE \"_pg3_1\"", "release ?"),
        ("ROLLBACK TO SAVEPOINT s1", "rollback to savepoint ?"),
        ("ROLLBACK TO \"_pg3_1\"; SELECT a", "rollback to ?; select a"),
        ("ROLLBACK AND CHAIN", "rollback and chain"),
        (
            "DECLARE \"c_1\" CURSOR WITH HOLD FOR SELECT a",
            "declare ? cursor with hold for select a",
        ),
        ("FETCH FORWARD 100 FROM \"c_1\"", "fetch forward ? from ?"),
        ("CLOSE c_1", "close ?"),
        ("CLOSE ALL", "close all"),
        ("DEALLOCATE \"_pg3_7\"", "deallocate ?"),
        ("DEALLOCATE ALL", "deallocate all"),
        ("PREPARE p1 AS SELECT a", "prepare ? as select a"),
        ("EXECUTE p1(1, 'x')", "execute ? (?, ?)"),
        ("PREPARE TRANSACTION 'x'", "prepare transaction ?"),
        ("SET search_path TO tenant_1, public", "set search_path to ?, ?"),
        ("SET LOCAL statement_timeout = 5000", "set local statement_timeout = ?"),
        ("SET x = DEFAULT", "set x = default"),
        ("LISTEN a", "listen a"),
    ]);
}

#[test]
fn normal_form_is_cut_at_a_character() {
    for (len_max, expected) in
        [(0, ""), (7, "select "), (8, "select "), (9, "select é"), (99, "select é")]
    {
        let mut out = String::from("> ");
        normalise("SELECT é".as_bytes(), &mut out, len_max);
        assert_eq!(out, format!("> {expected}"), "{len_max}");
    }
    let mut out = String::new();
    normalise(b"SELECT \"\xff\"", &mut out, 99);
    assert_eq!(out, "select \"\u{fffd}\"");
}

#[test]
fn long_forms_hash_as_short_ones() {
    for count in [100, 101, 102, 500, 5000] {
        let sql = format!("SELECT {}", vec!["Abc"; count].join(","));
        let word = "W".repeat(count);
        let quoted = format!("\"{}\"", "Q".repeat(count));
        for sql in [sql, word, quoted] {
            assert_eq!(fingerprint(sql.as_bytes()).0, xxh3_64(normal(&sql).as_bytes()), "{count}");
        }
    }
}

#[test]
fn fingerprints_are_stable_and_shown_in_hexadecimal() {
    assert_eq!(fingerprint(b"SELECT 1").to_string(), format!("{:016x}", xxh3_64(b"select ?")));
    assert_ne!(fingerprint(b"SELECT a"), fingerprint(b"SELECT b"));
}
