//! sqlx: its own pool and statement cache on top of the rotating pool, transactions, COPY, a
//! session setting given at connect.

use futures_util::TryStreamExt;
use futures_util::future::join_all;
use sqlx::postgres::{PgConnectOptions, PgPoolCopyExt, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgPool, Row};

use crate::stage::Stage;

const TASKS: i32 = 16;
const CONNECTIONS: u32 = 8;
const ROUNDS: i32 = 12;

/// All of it, the tasks side by side on fewer connections.
#[tokio::main]
pub(crate) async fn check(stage: &Stage) {
    let options: PgConnectOptions = stage.url().parse().unwrap();
    let options = options.application_name("sqlx-tasks");
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await;
    let pool = pool.unwrap();
    sqlx::query("CREATE TABLE ledger (task int, amount bigint, note text)")
        .execute(&pool)
        .await
        .unwrap();
    let seen = join_all((0..TASKS).map(|task| statements(&pool, task))).await;
    stage.check_servers(&seen);
    join_all((0..TASKS).map(|task| transfers(&pool, task))).await;
    copies(&pool).await;
    pool.close().await;
}

/// Cached statements, one text in common and one of each task's own.
async fn statements(pool: &PgPool, task: i32) -> Vec<i32> {
    let mut pids = Vec::new();
    let own = format!("SELECT $1::int + {task}");
    for round in 0..ROUNDS {
        let sum: i32 = sqlx::query_scalar(AssertSqlSafe(own.clone()))
            .bind(round)
            .fetch_one(pool)
            .await
            .unwrap();
        assert_eq!(sum, round + task);
        let common = "SELECT $1::text, pg_backend_pid(), current_setting('application_name')";
        let row = sqlx::query(common).bind(format!("task {task}")).fetch_one(pool).await.unwrap();
        assert_eq!(row.get::<String, _>(0), format!("task {task}"));
        assert_eq!(row.get::<String, _>(2), "sqlx-tasks");
        pids.push(row.get(1));
    }
    pids
}

/// A transaction that is dropped is rolled back; rows are streamed inside one that is kept.
async fn transfers(pool: &PgPool, task: i32) {
    for round in 0..ROUNDS {
        let mut transaction = pool.begin().await.unwrap();
        for amount in [100_i64, -100] {
            sqlx::query("INSERT INTO ledger VALUES ($1, $2, 'transfer')")
                .bind(task)
                .bind(amount)
                .execute(&mut *transaction)
                .await
                .unwrap();
        }
        let rows = sqlx::query("SELECT amount FROM ledger WHERE task = $1").bind(task);
        let rows: Vec<_> = rows.fetch(&mut *transaction).try_collect().await.unwrap();
        assert_eq!(rows.len() % 2, 0);
        if round % 2 == 0 {
            transaction.commit().await.unwrap();
        }
    }
    let query = "SELECT count(*), sum(amount)::bigint FROM ledger WHERE task = $1";
    let found: (i64, i64) = sqlx::query_as(query).bind(task).fetch_one(pool).await.unwrap();
    assert_eq!(found, (i64::from(ROUNDS), 0));
}

/// Rows go in and come out as text.
async fn copies(pool: &PgPool) {
    let text: String = (0..300).map(|n| format!("-1\t{n}\tcopied\n")).collect();
    let mut copy = pool.copy_in_raw("COPY ledger FROM STDIN").await.unwrap();
    copy.send(text.as_bytes()).await.unwrap();
    assert_eq!(copy.finish().await.unwrap(), 300);
    let back = "COPY (SELECT * FROM ledger WHERE task = -1 ORDER BY amount) TO STDOUT";
    let parts: Vec<_> = pool.copy_out_raw(back).await.unwrap().try_collect().await.unwrap();
    assert_eq!(parts.concat(), text.as_bytes());
}
