//! What SHOW answers, to psql and to psycopg.

use std::path::Path;

use weir_testkit::{Python, output_within};

use crate::stage::{PATIENCE, Row, Stage, code};

/// Columns as PgBouncer 1.25 has them (`src/admin.c`, `src/stats.c`).
const PGBOUNCER: [(&str, &str); 13] = [
    (
        "POOLS",
        "database user cl_active cl_waiting cl_active_cancel_req cl_waiting_cancel_req sv_active \
         sv_active_cancel sv_being_canceled sv_idle sv_used sv_tested sv_login maxwait maxwait_us \
         pool_mode load_balance_hosts",
    ),
    (
        "CLIENTS",
        "type user database replication state addr port local_addr local_port connect_time \
         request_time wait wait_us close_needed ptr link remote_pid tls application_name \
         prepared_statements id",
    ),
    (
        "SERVERS",
        "type user database replication state addr port local_addr local_port connect_time \
         request_time wait wait_us close_needed ptr link remote_pid tls application_name \
         prepared_statements id",
    ),
    (
        "STATS",
        "database total_server_assignment_count total_xact_count total_query_count \
         total_received total_sent total_xact_time total_query_time total_wait_time \
         total_client_parse_count total_server_parse_count total_bind_count \
         total_client_login_count avg_server_assignment_count avg_xact_count avg_query_count \
         avg_recv avg_sent avg_xact_time avg_query_time avg_wait_time avg_client_parse_count \
         avg_server_parse_count avg_bind_count avg_client_login_count",
    ),
    (
        "STATS_TOTALS",
        "database server_assignment_count xact_count query_count bytes_received bytes_sent \
         xact_time query_time wait_time client_parse_count server_parse_count bind_count \
         client_login_count",
    ),
    (
        "STATS_AVERAGES",
        "database server_assignment_count xact_count query_count bytes_received bytes_sent \
         xact_time query_time wait_time avg_client_parse_count avg_server_parse_count \
         avg_bind_count avg_client_login_count",
    ),
    ("TOTALS", "name value"),
    (
        "DATABASES",
        "name host port database force_user pool_size min_pool_size reserve_pool_size \
         server_lifetime pool_mode load_balance_hosts max_connections current_connections \
         max_client_connections current_client_connections paused disabled",
    ),
    (
        "USERS",
        "name pool_size reserve_pool_size pool_mode max_user_connections current_connections \
         max_user_client_connections current_client_connections",
    ),
    ("CONFIG", "key value default changeable"),
    ("LISTS", "list items"),
    ("MEM", "name size used free memtotal"),
    ("STATE", "key value"),
];

#[test]
fn tables_begin_with_pgbouncer_s_columns() {
    let stage = Stage::new();
    stage.client().query("SELECT 1").unwrap();
    for (table, expected) in PGBOUNCER {
        let mut psql = stage.psql("pgbouncer");
        psql.args(["-A", "-F", " ", "-c", &format!("show {table};")]);
        let text = output_within(PATIENCE, &mut psql).unwrap();
        let names = text.lines().next().unwrap();
        assert!(names.starts_with(expected), "SHOW {table} has {names}");
    }
}

#[test]
fn a_client_in_a_transaction_is_shown_with_its_backend() {
    let stage = Stage::new();
    let mut client = stage.client();
    client.query("BEGIN").unwrap();
    let backend = client.value("SELECT pg_backend_pid()").unwrap();
    let (clients, servers) = (stage.clients(), stage.show("SHOW SERVERS"));
    let (row, server): (&Row, &Row) = (&clients[0], &servers[0]);
    assert_eq!((clients.len(), servers.len()), (1, 1));
    assert_eq!(
        (row["state"].as_str(), row["activity"].as_str()),
        ("active", "idle in transaction")
    );
    assert_eq!((&row["backend_pid"], &server["remote_pid"]), (&backend, &backend));
    assert_eq!((&row["link"], &server["link"]), (&server["ptr"], &row["ptr"]));
    assert_eq!(
        (&row["id"], &row["application_name"]),
        (&server["client_id"], &"weir-testkit".into())
    );
    assert_eq!(row["local_port"], stage.weir.listen().port().to_string());
    assert!(row["transaction_ms"].parse::<u64>().is_ok());
    let port = client.value("SELECT inet_client_port()").unwrap();
    assert_eq!(server["local_port"], port, "as PostgreSQL sees it");
    client.query("COMMIT").unwrap();
    let row = &stage.clients()[0];
    assert_eq!((row["activity"].as_str(), row["link"].as_str()), ("idle", ""));
    assert_eq!(row["transaction_ms"], "");
}

#[test]
fn stats_count_transactions_statements_and_logins() {
    let stage = Stage::new();
    let (mut one, mut two) = (stage.client(), stage.client());
    for _ in 0..3 {
        one.query("SELECT 1").unwrap();
    }
    two.query("BEGIN; SELECT 1; COMMIT").unwrap();
    let stats = stage.show("SHOW STATS");
    let mine = stats.iter().find(|row| row["database"] == stage.database).unwrap();
    assert_eq!(mine["total_xact_count"], "4");
    assert_eq!(mine["total_query_count"], "4");
    assert_eq!(mine["total_client_login_count"], "2");
    assert_ne!(mine["total_sent"], "0");
    let totals = stage.show("SHOW TOTALS");
    let total = totals.iter().find(|row| row["name"] == "total_xact_count").unwrap();
    assert_eq!(total["value"], "4");
}

#[test]
fn several_statements_comments_and_any_case_are_understood() {
    let stage = Stage::new();
    let mut console = stage.console();
    let rows = console.query("-- first\nshow /* a */ VERSION;; Show State -- last").unwrap();
    assert_eq!(rows.len(), 1 + 5);
    assert!(rows[0][0].as_deref().unwrap().starts_with("Weir "));
    assert_eq!(console.query(" ; -- nothing").unwrap().len(), 0);
    assert_eq!(console.value("SHOW client_encoding").unwrap(), "UTF8");
}

#[test]
fn what_is_not_understood_or_refused_leaves_the_session_alive() {
    let stage = Stage::new();
    let mut console = stage.console();
    for (statement, expected) in [
        ("SHWO POOLS", "42601"),
        ("SHOW POLS", "42601"),
        ("SELECT * FROM pg_class", "42601"),
        ("SUSPEND", "0A000"),
        ("SHOW FDS", "0A000"),
        ("SET pool_size = 3", "0A000"),
        ("PAUSE weir", "55000"),
        ("SET application_name = 'x'", "00000"),
    ] {
        assert_eq!(code(console.query(statement)), expected, "{statement}");
    }
    console.query("SHOW VERSION").unwrap();
}

#[test]
fn psycopg_uses_the_console_with_both_protocols() {
    let stage = Stage::new();
    let python = Python::drivers(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/operations/python/console.py");
    let mut run = python.script(&script);
    run.env("PGHOST", "127.0.0.1")
        .env("PGPORT", stage.weir.listen().port().to_string())
        .env("PGUSER", "postgres");
    output_within(PATIENCE, &mut run).unwrap();
}
