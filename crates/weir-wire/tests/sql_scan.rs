//! What the scan says of statements, as rows of text and effects.
//!
//! An effect is written as a short word and its fields; several are joined by `; `.

use weir_wire::sql::{
    Effect, Flags, Name, Scope, SetValue, Verb, effects, facts, identifier, literal, setting_name,
};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn name(name: Name<'_>) -> String {
    text(&name.folded())
}

fn optional(found: Option<Name<'_>>) -> String {
    found.map_or_else(|| "*".to_owned(), name)
}

fn set(scope: Scope, name: &[u8], value: SetValue<'_>) -> String {
    let scope = match scope {
        Scope::Session => "",
        Scope::Local => "local ",
    };
    let value = match value {
        SetValue::Literal(raw) => text(raw),
        SetValue::Default => "<default>".to_owned(),
        SetValue::Opaque => "<opaque>".to_owned(),
    };
    format!("set {scope}{}={value}", text(&setting_name(name)))
}

fn set_config(name: Option<&[u8]>, value: Option<&[u8]>, local: Option<bool>) -> String {
    let value = value.and_then(literal).map_or_else(|| "?".to_owned(), |value| text(&value));
    let name = name.map_or_else(|| "?".to_owned(), |name| text(&setting_name(name)));
    let local = local.map_or_else(|| "?".to_owned(), |local| local.to_string());
    format!("config {name}={value} local={local}")
}

fn show(effect: Effect<'_>) -> String {
    match effect {
        Effect::Begin { bare: true } => "begin".into(),
        Effect::Begin { bare: false } => "begin modes".into(),
        Effect::Commit { chain: false } => "commit".into(),
        Effect::Commit { chain: true } => "commit chain".into(),
        Effect::Rollback { chain: false } => "rollback".into(),
        Effect::Rollback { chain: true } => "rollback chain".into(),
        Effect::Savepoint => "savepoint".into(),
        Effect::RollbackTo => "rollback to".into(),
        Effect::Release => "release".into(),
        Effect::PrepareTransaction => "prepare transaction".into(),
        Effect::CommitPrepared => "commit prepared".into(),
        Effect::RollbackPrepared => "rollback prepared".into(),
        Effect::Set { scope, name, value } => set(scope, name, value),
        Effect::SetCharacteristics => "characteristics".into(),
        Effect::Reset { name } => format!("reset {}", text(&setting_name(name))),
        Effect::ResetAll => "reset all".into(),
        Effect::SetConfig { name, value, local } => set_config(name, value, local),
        Effect::Listen { channel } => format!("listen {}", name(channel)),
        Effect::Unlisten { channel } => format!("unlisten {}", optional(channel)),
        Effect::Notify => "notify".into(),
        Effect::AdvisoryLock { shared, attempt } => {
            format!(
                "lock{}{}",
                if shared { " shared" } else { "" },
                if attempt { " try" } else { "" }
            )
        }
        Effect::AdvisoryUnlock { shared } => {
            format!("unlock{}", if shared { " shared" } else { "" })
        }
        Effect::AdvisoryUnlockAll => "unlock all".into(),
        Effect::CreateTemp { on_commit_drop: false } => "temp".into(),
        Effect::CreateTemp { on_commit_drop: true } => "temp drop".into(),
        Effect::DeclareCursor { name: cursor, hold } => {
            format!("declare {}{}", name(cursor), if hold { " hold" } else { "" })
        }
        Effect::CloseCursor { name } => format!("close {}", optional(name)),
        Effect::Prepare { name: statement } => format!("prepare {}", name(statement)),
        Effect::Execute { name: statement } => format!("execute {}", name(statement)),
        Effect::Deallocate { name } => format!("deallocate {}", optional(name)),
        Effect::DiscardAll => "discard all".into(),
        Effect::DiscardPlans => "discard plans".into(),
        Effect::DiscardTemp => "discard temp".into(),
        Effect::DiscardSequences => "discard sequences".into(),
        Effect::Load => "load".into(),
        Effect::Copy { from_client, to_client } => {
            format!("copy in={from_client} out={to_client}")
        }
        Effect::DropDatabase { name: database } => format!("drop database {}", name(database)),
        Effect::CreateDatabase { template } => format!("create database {}", optional(template)),
        Effect::AlterDatabaseRename { name: database } => {
            format!("rename database {}", name(database))
        }
        Effect::Do => "do".into(),
        Effect::Call => "call".into(),
        Effect::SessionFunction => "session function".into(),
        Effect::NotInTransaction => "alone".into(),
    }
}

#[track_caller]
fn check(sql: &str, expected: &str) {
    let found: Vec<Effect<'_>> = effects(sql.as_bytes()).collect();
    let shown: Vec<String> = found.iter().map(|&effect| show(effect)).collect();
    assert_eq!(shown.join("; "), expected, "{sql}");
    let union = found.iter().fold(Flags::NONE, |flags, effect| flags | effect.flag());
    assert_eq!(facts(sql.as_bytes()).flags, union, "flags of {sql}");
}

#[track_caller]
fn check_all(rows: &[(&str, &str)]) {
    for (sql, expected) in rows {
        check(sql, expected);
    }
}

#[test]
fn transactions() {
    check_all(&[
        ("BEGIN", "begin"),
        ("begin;", "begin"),
        ("BEGIN WORK", "begin"),
        ("Begin Transaction ;", "begin"),
        ("START TRANSACTION", "begin"),
        ("/* a */ BEGIN -- b", "begin"),
        ("BEGIN READ ONLY", "begin modes"),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE", "begin modes"),
        ("START TRANSACTION READ WRITE", "begin modes"),
        ("BEGIN TRANSACTION DEFERRABLE", "begin modes"),
        ("COMMIT", "commit"),
        ("COMMIT WORK", "commit"),
        ("COMMIT TRANSACTION AND NO CHAIN", "commit"),
        ("COMMIT AND CHAIN", "commit chain"),
        ("END", "commit"),
        ("END TRANSACTION AND CHAIN", "commit chain"),
        ("ROLLBACK", "rollback"),
        ("ROLLBACK WORK AND CHAIN", "rollback chain"),
        ("ROLLBACK AND NO CHAIN", "rollback"),
        ("ABORT", "rollback"),
        ("ABORT AND CHAIN", "rollback chain"),
        ("SAVEPOINT a", "savepoint"),
        ("ROLLBACK TO a", "rollback to"),
        ("ROLLBACK WORK TO SAVEPOINT a", "rollback to"),
        ("RELEASE a", "release"),
        ("RELEASE SAVEPOINT a", "release"),
        ("PREPARE TRANSACTION 'x'", "prepare transaction"),
        ("COMMIT PREPARED 'x'", "commit prepared"),
        ("ROLLBACK PREPARED 'x'", "rollback prepared"),
        ("BEGIN; SELECT 1; COMMIT", "begin; commit"),
        ("START_REPLICATION SLOT x LOGICAL 0/0", ""),
    ]);
}

#[test]
fn settings() {
    check_all(&[
        ("SET statement_timeout = 5", "set statement_timeout=5"),
        ("set statement_timeout to '5s'", "set statement_timeout='5s'"),
        ("SET SESSION statement_timeout = '5s' -- why", "set statement_timeout='5s'"),
        ("SET LOCAL statement_timeout = '5s'", "set local statement_timeout='5s'"),
        ("SET search_path TO a, \"B c\" , d;", "set search_path=a, \"B c\" , d"),
        ("SET Search_Path = DEFAULT", "set search_path=<default>"),
        ("SET LOCAL search_path TO default", "set local search_path=<default>"),
        ("SET myapp.user_id = '7'", "set myapp.user_id='7'"),
        ("SET MyApp . \"User\" TO '7'", "set myapp.user='7'"),
        ("SET x = 'a;b'; SET y = 2", "set x='a;b'; set y=2"),
        ("SET x = -1", "set x=-1"),
        ("SET x FROM CURRENT", "set x=<opaque>"),
        ("SET session.x = 1", "set session.x=1"),
        ("SET local.x TO 1", "set local.x=1"),
        ("SET transaction.x TO 1", "set transaction.x=1"),
        ("SET role = 'a'", "set role='a'"),
        ("SET role TO a", "set role=a"),
        ("SET ROLE a", "set role=a"),
        ("SET ROLE 'a'", "set role='a'"),
        ("SET ROLE NONE", "set role=NONE"),
        ("SET LOCAL ROLE a", "set local role=a"),
        ("SET SESSION ROLE a", "set role=a"),
        ("SET SESSION AUTHORIZATION bob", "set session_authorization=bob"),
        ("SET SESSION AUTHORIZATION DEFAULT", "set session_authorization=<default>"),
        ("SET LOCAL SESSION AUTHORIZATION bob", "set local session_authorization=bob"),
        ("SET SESSION SESSION AUTHORIZATION bob", "set session_authorization=bob"),
        ("SET session_authorization TO bob", "set session_authorization=bob"),
        ("SET TIME ZONE 'Europe/Rome'", "set timezone='Europe/Rome'"),
        ("SET TIME ZONE -8", "set timezone=-8"),
        ("SET TIME ZONE LOCAL", "set timezone=<default>"),
        ("SET TIME ZONE DEFAULT", "set timezone=<default>"),
        ("SET LOCAL TIME ZONE UTC", "set local timezone=UTC"),
        ("SET TIME ZONE INTERVAL '-08:00' HOUR TO MINUTE", "set timezone=<opaque>"),
        ("SET TimeZone TO 'UTC'", "set timezone='UTC'"),
        ("SET NAMES 'UTF8'", "set client_encoding='UTF8'"),
        ("SET NAMES", "set client_encoding=<default>"),
        ("SET NAMES DEFAULT", "set client_encoding=<default>"),
        ("SET SCHEMA 'a'", "set search_path='a'"),
        ("SET XML OPTION DOCUMENT", "set xmloption=DOCUMENT"),
        ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "characteristics"),
        ("SET SESSION SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "characteristics"),
        ("SET LOCAL SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "characteristics"),
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", ""),
        ("SET LOCAL TRANSACTION READ ONLY", ""),
        ("SET TRANSACTION SNAPSHOT 'x'", ""),
        ("SET CONSTRAINTS ALL DEFERRED", ""),
        ("RESET x", "reset x"),
        ("RESET ALL", "reset all"),
        ("RESET my.Var", "reset my.var"),
        ("RESET TIME ZONE", "reset timezone"),
        ("RESET SESSION AUTHORIZATION", "reset session_authorization"),
        ("RESET TRANSACTION ISOLATION LEVEL", "reset transaction_isolation"),
        ("RESET ROLE", "reset role"),
        ("ALTER ROLE a SET x = 1", ""),
        ("ALTER DATABASE a SET x = 1", ""),
        ("UPDATE t SET x = 1", ""),
        ("SHOW search_path", ""),
        ("SET", ""),
        ("SET x", ""),
        ("RESET", ""),
    ]);
}

#[test]
fn set_config_calls() {
    check_all(&[
        ("SELECT set_config('a.b', 'v', false)", "config a.b=v local=false"),
        ("select SET_CONFIG ( 'A.b' , 'v''w' , TRUE )", "config a.b=v'w local=true"),
        ("SELECT pg_catalog.set_config('a', '', false)", "config a= local=false"),
        ("SELECT \"pg_catalog\" . \"set_config\"('a', 'v', false)", "config a=v local=false"),
        ("SELECT set_config($1, $2, true)", "config ?=? local=true"),
        ("SELECT set_config('a', $1::text, true)", "config a=? local=true"),
        ("SELECT set_config('a'::text, 'v'::text, false)", "config a=v local=false"),
        ("SELECT set_config('a', 'v' || 'w', false)", "config a=? local=false"),
        ("SELECT set_config('a', f(1, 2), false)", "config a=? local=false"),
        ("SELECT set_config('a', 'v', $3)", "config a=v local=?"),
        ("SELECT set_config('a', 'v', 'f')", "config a=v local=?"),
        ("SELECT set_config('a', 'v', not true)", "config a=v local=?"),
        ("SELECT set_config($$a$$, $x$v$x$, false)", "config a=v local=false"),
        ("SELECT set_config(E'a', E'v\\x', false)", "config a=? local=false"),
        ("SELECT set_config('a')", "config a=? local=?"),
        ("SELECT set_config()", "config ?=? local=?"),
        ("SELECT set_config(", "config ?=? local=?"),
        (
            "SELECT set_config('a', '1', true), set_config('b', '2', false)",
            "config a=1 local=true; config b=2 local=false",
        ),
        (
            "SELECT set_config('a', set_config('b', '2', false), true)",
            "config a=? local=true; config b=2 local=false",
        ),
        ("INSERT INTO t SELECT set_config('a', 'v', false)", "config a=v local=false"),
        ("WITH x AS (SELECT set_config('a', 'v', false)) SELECT 1", "config a=v local=false"),
        ("EXPLAIN ANALYZE SELECT set_config('a', 'v', false)", "config a=v local=false"),
        (
            "COPY (SELECT set_config('a', 'v', false)) TO STDOUT",
            "copy in=false out=true; config a=v local=false",
        ),
        ("SELECT 'set_config(''a'', ''v'', false)'", ""),
        ("SELECT set_config FROM t", ""),
        ("SELECT my_set_config('a', 'v', false)", ""),
        ("SELECT set_config2('a', 'v', false)", ""),
        ("SELECT \"SET_CONFIG\"('a', 'v', false)", ""),
        ("SELECT 1 -- set_config('a', 'v', false)", ""),
        ("SELECT 1 /* set_config('a', 'v', false) */", ""),
        ("SELECT U&\"set\\005fconfig\"('a', 'v', false)", "session function"),
        ("SELECT U&\"set!005fconfig\" UESCAPE '!' ('a', 'v', false)", "session function"),
        ("SELECT U&\"set_config\"('a', 'v', false)", "config a=v local=false"),
        ("UPDATE pg_settings SET setting = 'a' WHERE name = 'b'", "config ?=? local=false"),
        ("update only pg_catalog.pg_settings s set setting = '1'", "config ?=? local=false"),
        ("WITH x AS (UPDATE pg_settings SET setting = 1) SELECT 1", "config ?=? local=false"),
        ("SELECT * FROM pg_settings", ""),
        ("GRANT EXECUTE ON FUNCTION set_config(text, text, boolean) TO a", ""),
        ("CREATE FUNCTION set_config(a text) RETURNS int LANGUAGE sql AS 'select 1'", ""),
    ]);
}

#[test]
fn listening() {
    check_all(&[
        ("LISTEN a", "listen a"),
        ("listen \"A b\"", "listen A b"),
        ("LISTEN Abc;", "listen abc"),
        ("UNLISTEN a", "unlisten a"),
        ("UNLISTEN *", "unlisten *"),
        ("NOTIFY a", "notify"),
        ("NOTIFY a, 'payload'", "notify"),
        ("SELECT pg_notify('a', 'b')", "notify"),
        ("SELECT listen FROM t", ""),
    ]);
}

#[test]
fn advisory_locks() {
    check_all(&[
        ("SELECT pg_advisory_lock(1)", "lock"),
        ("SELECT pg_advisory_lock_shared(1, 2)", "lock shared"),
        ("SELECT pg_try_advisory_lock(1)", "lock try"),
        ("SELECT PG_TRY_ADVISORY_LOCK_SHARED($1)", "lock shared try"),
        ("SELECT pg_catalog.pg_advisory_lock(1) FROM t", "lock"),
        ("SELECT * FROM t WHERE pg_try_advisory_lock(t.id)", "lock try"),
        ("SELECT pg_advisory_unlock(1)", "unlock"),
        ("SELECT pg_advisory_unlock_shared(1)", "unlock shared"),
        ("SELECT pg_advisory_unlock_all()", "unlock all"),
        ("SELECT pg_advisory_lock(1); SELECT pg_advisory_unlock(1)", "lock; unlock"),
        ("SELECT pg_advisory_xact_lock(1)", ""),
        ("SELECT pg_try_advisory_xact_lock_shared(1)", ""),
        ("SELECT pg_advisory_lock", ""),
        ("SELECT \"pg_advisory_lock\" (1)", "lock"),
        ("SELECT setseed(0.5)", "session function"),
        ("SELECT dblink_connect('c', 'host=x')", "session function"),
    ]);
}

#[test]
fn temporary_objects() {
    check_all(&[
        ("CREATE TEMP TABLE t (a int)", "temp"),
        ("CREATE TEMPORARY TABLE t (a int) ON COMMIT DROP", "temp drop"),
        ("CREATE TEMP TABLE t ON COMMIT DROP AS SELECT 1", "temp drop"),
        ("CREATE TEMP TABLE t (a int) ON COMMIT DELETE ROWS", "temp"),
        ("CREATE TEMP TABLE t (a int) ON COMMIT PRESERVE ROWS", "temp"),
        ("CREATE GLOBAL TEMP TABLE t (a int)", "temp"),
        ("CREATE LOCAL TEMPORARY TABLE IF NOT EXISTS t (a int)", "temp"),
        ("CREATE TEMP VIEW v AS SELECT 1", "temp"),
        ("CREATE OR REPLACE TEMPORARY RECURSIVE VIEW v (a) AS SELECT 1", "temp"),
        ("CREATE TEMP SEQUENCE s", "temp"),
        ("CREATE TABLE pg_temp.t (a int)", "temp"),
        ("CREATE TABLE IF NOT EXISTS \"pg_temp\".t (a int) ON COMMIT DROP", "temp drop"),
        ("CREATE TABLE pg_temp_3.t (a int)", "temp"),
        ("CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'select 1'", "temp"),
        ("SELECT 1 INTO TEMP t", "temp"),
        ("SELECT 1 INTO TEMPORARY TABLE t FROM x", "temp"),
        ("SELECT 1 INTO LOCAL TEMP t", "temp"),
        ("SELECT 1 INTO pg_temp.t", "temp"),
        ("WITH x AS (SELECT 1) SELECT * INTO TEMP t FROM x", "temp"),
        ("EXPLAIN ANALYZE CREATE TEMP TABLE t AS SELECT 1", "temp"),
        ("CREATE TABLE t (temp int)", ""),
        ("CREATE TABLE temp (a int)", ""),
        ("CREATE UNLOGGED TABLE t (a int)", ""),
        ("CREATE TABLE t AS SELECT * FROM pg_temp.u", ""),
        ("INSERT INTO temp VALUES (1)", ""),
        ("WITH x AS (INSERT INTO temp VALUES (1) RETURNING a) SELECT * FROM x", ""),
        ("MERGE INTO temp USING u ON true WHEN MATCHED THEN DELETE", ""),
        ("SELECT 1 INTO t", ""),
        ("SELECT temp, 'CREATE TEMP TABLE x' FROM t", ""),
        ("DROP TABLE pg_temp.t", ""),
    ]);
}

#[test]
fn cursors_and_prepared_statements() {
    check_all(&[
        ("DECLARE c CURSOR FOR SELECT 1", "declare c"),
        ("DECLARE \"C\" CURSOR WITH HOLD FOR SELECT 1", "declare C hold"),
        ("DECLARE c BINARY INSENSITIVE NO SCROLL CURSOR WITH HOLD FOR SELECT 1", "declare c hold"),
        ("DECLARE c NO SCROLL CURSOR WITHOUT HOLD FOR SELECT 1", "declare c"),
        ("DECLARE c CURSOR FOR SELECT ' CURSOR WITH HOLD '", "declare c"),
        ("FETCH 10 FROM c", ""),
        ("CLOSE c", "close c"),
        ("CLOSE ALL", "close *"),
        ("PREPARE p AS SELECT 1", "prepare p"),
        ("PREPARE P (int, text) AS SELECT $1", "prepare p"),
        ("PREPARE \"p;q\" AS SELECT 1; SELECT 2", "prepare p;q"),
        ("PREPARE transaction AS SELECT 1", "prepare transaction"),
        ("EXECUTE p", "execute p"),
        ("EXECUTE p(1, 'x')", "execute p"),
        ("EXPLAIN EXECUTE p(1)", "execute p"),
        ("EXPLAIN (ANALYZE, BUFFERS) EXECUTE p", "execute p"),
        ("explain analyze verbose execute p", "execute p"),
        ("(EXPLAIN (COSTS off) EXECUTE p)", "execute p"),
        ("CREATE TEMP TABLE t (a int CHECK ((a > 0))) ON COMMIT DROP", "temp drop"),
        ("CREATE TABLE t AS EXECUTE p(1)", "execute p"),
        ("CREATE TEMP TABLE t AS EXECUTE p", "temp; execute p"),
        ("CREATE TRIGGER a BEFORE UPDATE ON t EXECUTE FUNCTION f()", ""),
        ("DEALLOCATE p", "deallocate p"),
        ("DEALLOCATE PREPARE p", "deallocate p"),
        ("DEALLOCATE ALL", "deallocate *"),
        ("DEALLOCATE PREPARE ALL;", "deallocate *"),
        ("DEALLOCATE prepare;", "deallocate prepare"),
        ("DEALLOCATE \"all\"", "deallocate all"),
        ("DISCARD ALL", "discard all"),
        ("DISCARD PLANS", "discard plans"),
        ("DISCARD TEMP", "discard temp"),
        ("DISCARD TEMPORARY", "discard temp"),
        ("DISCARD SEQUENCES", "discard sequences"),
        ("DISCARD", ""),
    ]);
}

#[test]
fn the_rest() {
    check_all(&[
        ("LOAD 'auto_explain'", "load"),
        ("DO $$ BEGIN PERFORM set_config('a', 'b', false); END $$", "do"),
        ("CALL p(1)", "call"),
        ("COPY t FROM STDIN", "copy in=true out=false"),
        ("COPY t (a, b) FROM stdin WITH (FORMAT csv)", "copy in=true out=false"),
        ("COPY t TO STDOUT", "copy in=false out=true"),
        ("COPY (SELECT 'FROM STDIN' FROM t) TO STDOUT", "copy in=false out=true"),
        ("COPY t FROM '/x'", "copy in=false out=false"),
        ("COPY t TO PROGRAM 'cat'", "copy in=false out=false"),
        ("VACUUM", "alone"),
        ("VACUUM (ANALYZE) t", "alone"),
        ("ANALYZE t", ""),
        ("CREATE DATABASE a", "alone; create database *"),
        ("CREATE DATABASE a WITH OWNER = b TEMPLATE = \"C\"", "alone; create database C"),
        ("CREATE DATABASE a TEMPLATE 'c' ENCODING 'UTF8'", "alone; create database c"),
        ("DROP DATABASE a", "alone; drop database a"),
        ("DROP DATABASE IF EXISTS \"A\" WITH (FORCE)", "alone; drop database A"),
        ("ALTER DATABASE a RENAME TO b", "rename database a"),
        ("ALTER DATABASE a SET TABLESPACE b", "alone"),
        ("ALTER SYSTEM SET x = 1", "alone"),
        ("CREATE INDEX CONCURRENTLY i ON t (a)", "alone"),
        ("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)", "alone"),
        ("CREATE INDEX i ON t (a)", ""),
        ("DROP INDEX CONCURRENTLY i", "alone"),
        ("DROP INDEX i", ""),
        ("REINDEX INDEX CONCURRENTLY i", "alone"),
        ("REINDEX (VERBOSE, CONCURRENTLY) TABLE t", "alone"),
        ("REINDEX TABLE t", ""),
        ("REINDEX DATABASE d", "alone"),
        ("CLUSTER", "alone"),
        ("CLUSTER (VERBOSE)", "alone"),
        ("CLUSTER t USING i", ""),
        ("CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p", "alone"),
        ("DROP SUBSCRIPTION s", "alone"),
        ("CREATE TABLESPACE a LOCATION '/x'", "alone"),
        ("DROP TABLESPACE a", "alone"),
        ("ALTER TABLE t DETACH PARTITION p CONCURRENTLY", "alone"),
        ("ALTER TABLE t ADD COLUMN a int", ""),
        ("", ""),
        (" ; ;; -- nothing", ""),
    ]);
}

#[test]
fn words_that_are_not_statements() {
    check_all(&[
        ("SELECT 'BEGIN; SET x = 1'", ""),
        ("SELECT 1 AS begin", ""),
        ("SELECT $$; SET x = 1; $$", ""),
        ("SELECT $a$ $b$ ; SET x = 1; $a$; SET y = 2", "set y=2"),
        ("SELECT $1; SET y = 2", "set y=2"),
        ("SELECT a$b$; SET y = 2; SELECT $b$", "set y=2"),
        ("SELECT E'\\'; SET x = 1; --'", ""),
        ("SELECT '\\'; SET y = 2; --'", "set y=2"),
        ("SELECT U&'\\'; SET y = 2; --'", "set y=2"),
        ("SELECT E'a'\n  '\\'; SET x = 1; --'", ""),
        ("SELECT E'a' -- c\n '\\'; SET x = 1; --'", ""),
        ("SELECT E'a' '\\'; SET y = 2; --'", "set y=2"),
        ("SELECT 'a''; SET x = 1; --'", ""),
        ("SELECT \"a\"\"; SET x = 1; --\"", ""),
        ("SELECT U&\"a; SET x = 1\"", ""),
        ("SELECT B'1; SET x = 1', X'f; SET y = 2', N'; SET z = 3'", ""),
        ("/* ; SET x = 1; */ SELECT 1", ""),
        ("/* /* */ ; SET x = 1; */ SELECT 1", ""),
        ("/* /* */ */ SET y = 2", "set y=2"),
        ("SELECT 1 -- ; SET x = 1\n; SET y = 2", "set y=2"),
        ("SELECT 1 -- ; SET x = 1\r; SET y = 2", "set y=2"),
        ("SELECT 1 +-- ; SET x = 1\n 2; SET y = 2", "set y=2"),
        ("SELECT 1 +/* ; SET x = 1 */ 2; SET y = 2", "set y=2"),
        ("SELECT 1 @-- ; SET x = 1", ""),
        ("SELECT 'unterminated; SET x = 1", ""),
        ("SELECT /* unterminated; SET x = 1", ""),
        ("SELECT $a$ unterminated; SET x = 1 $b$", ""),
        ("SELECT 1;SET y=2;SELECT 3", "set y=2"),
        ("(SELECT set_config('a', 'b', true))", "config a=b local=true"),
        ("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; DELETE FROM u); SET y = 2", "set y=2"),
        (
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END; SET y = 2",
            "set y=2",
        ),
        (
            "CREATE OR REPLACE PROCEDURE f() LANGUAGE sql BEGIN ATOMIC \
             SELECT CASE WHEN true THEN 1 END; SELECT set_config('a', 'b', false); END; SET y = 2",
            "set y=2",
        ),
        (
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1 AS case; END; SET y = 2",
            "session function",
        ),
        ("CREATE FUNCTION begin() RETURNS int LANGUAGE sql AS 'x'; SET y = 2", "set y=2"),
        ("SELECT 1\u{a0}; SET y = 2", "set y=2"),
        ("SELECT é.set_config('a', 'b', true)", "config a=b local=true"),
        ("EXPLAIN (COSTS off) SELECT 1; SET y = 2", "set y=2"),
        ("EXPLAIN (SELECT set_config('a', 'b', true))", "config a=b local=true"),
        ("{ SET x = 1 }", ""),
    ]);
}

#[test]
fn facts_count_statements_and_name_the_first() {
    let rows = [
        ("", 0, Verb::None),
        (" ; -- x", 0, Verb::None),
        ("SELECT 1", 1, Verb::Select),
        ("select 1;", 1, Verb::Select),
        ("((SELECT 1))", 1, Verb::Select),
        ("WITH a AS (SELECT 1) SELECT 2; ; UPDATE t SET a = 1", 2, Verb::With),
        ("EXPLAIN SELECT 1", 1, Verb::Explain),
        ("SELECTED", 1, Verb::Other),
        ("\"select\"", 1, Verb::Other),
    ];
    for (sql, statements, first) in rows {
        let found = facts(sql.as_bytes());
        assert_eq!(
            (found.flags, found.statements, found.first),
            (Flags::NONE, statements, first),
            "{sql}"
        );
        assert!(found.is_plain());
    }
    let many = "SELECT 1;".repeat(70_000);
    assert_eq!(facts(many.as_bytes()).statements, u16::MAX);
    assert!(!facts(b"SET x = 1").is_plain());
}

#[test]
fn names_have_exact_spans() {
    let sql = "/* p */ PREPARE \"P\" AS SELECT 1; EXPLAIN EXECUTE p; DEALLOCATE  q";
    let spans: Vec<&str> = effects(sql.as_bytes())
        .filter_map(|effect| match effect {
            Effect::Prepare { name } | Effect::Execute { name } => Some(name),
            Effect::Deallocate { name } => name,
            other => panic!("unexpected {other:?}"),
        })
        .map(|name| &sql[name.span()])
        .collect();
    assert_eq!(spans, ["\"P\"", "p", "q"]);
}

#[test]
fn identifiers_fold_as_in_the_server() {
    let long = "é".repeat(40);
    let rows = [
        ("abc", "abc"),
        ("AbC_1", "abc_1"),
        ("\"AbC\"", "AbC"),
        ("\"a\"\"b\"", "a\"b"),
        ("U&\"Ab\"", "Ab"),
        ("'x''y'", "x'y"),
        ("\"", "\""),
        (&long, &long[..62]),
    ];
    for (raw, expected) in rows {
        assert_eq!(text(&identifier(raw.as_bytes())), expected, "{raw}");
    }
}

#[test]
fn literals_give_their_value_or_nothing() {
    let rows = [
        ("'a'", Some("a")),
        ("''", Some("")),
        ("'a''b'", Some("a'b")),
        ("E'a'", Some("a")),
        ("$$a$$", Some("a")),
        ("$x$a'$x$", Some("a'")),
        ("E'a\\n'", None),
        ("'a'\n'b'", None),
        ("B'1'", None),
        ("U&'a'", None),
        ("abc", None),
        ("$$a", None),
        ("'a", None),
        ("", None),
        ("'a' ", None),
    ];
    for (raw, expected) in rows {
        let found = literal(raw.as_bytes()).map(|value| text(&value));
        assert_eq!(found.as_deref(), expected, "{raw}");
    }
}
