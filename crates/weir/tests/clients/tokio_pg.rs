//! tokio-postgres: prepared statements, queries sent without waiting, transactions, COPY, cancel.

use std::io::Cursor;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use futures_util::{SinkExt, TryStreamExt};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

use crate::stage::Stage;

const CLIENTS: i32 = 8;
const ROUNDS: i32 = 12;

/// All of it, the clients side by side.
#[tokio::main]
pub(crate) async fn check(stage: &Stage) {
    let url = &stage.url();
    let setup = connect(url).await;
    setup.batch_execute("CREATE TABLE moved (client int, n int, word text)").await.unwrap();
    let seen = join_all((0..CLIENTS).map(|client| prepared(url, client))).await;
    stage.check_servers(&seen);
    join_all((0..CLIENTS).map(|client| transactions(url, client))).await;
    join_all((0..CLIENTS).map(|client| copies(url, client))).await;
    changed_schemas(url).await;
    cancels(url).await;
}

/// A statement is prepared by one client, the table gets a column, another client prepares the same
/// text: it must see the new column. So must a client with another search path see its own table.
async fn changed_schemas(url: &str) {
    const TEXT: &str = "SELECT * FROM changing";
    let (first, second, third) = (connect(url).await, connect(url).await, connect(url).await);
    first.batch_execute("CREATE TABLE changing (a int); CREATE SCHEMA other").await.unwrap();
    first.batch_execute("CREATE TABLE other.changing (a int, b int, c int)").await.unwrap();
    third.batch_execute("SET search_path = other").await.unwrap();
    for round in 0..ROUNDS {
        let columns = usize::try_from(round).unwrap() + 1;
        let prepared = second.prepare(TEXT).await.unwrap();
        assert_eq!(prepared.columns().len(), columns);
        second.query(&prepared, &[]).await.unwrap();
        assert_eq!(third.prepare(TEXT).await.unwrap().columns().len(), 3);
        let add = format!("ALTER TABLE changing ADD COLUMN more_{round} int");
        first.batch_execute(&add).await.unwrap();
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Statements s0, s1, … of every client have texts of its own; queries are sent without waiting
/// for the ones before.
async fn prepared(url: &str, client: i32) -> Vec<i32> {
    let session = connect(url).await;
    let text = format!("SELECT $1::int + {client}, pg_backend_pid()");
    let sum = session.prepare(&text).await.unwrap();
    let mut pids = Vec::new();
    for round in 0..ROUNDS {
        let row = session.query_one(&sum, &[&round]).await.unwrap();
        assert_eq!(row.get::<_, i32>(0), round + client);
        pids.push(row.get(1));
    }
    let numbers: Vec<i32> = (0..50).collect();
    let asked = numbers.iter().map(|n| async { session.query_one(&sum, &[n]).await });
    let rows = try_join_all(asked).await.unwrap();
    let answered: Vec<i32> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(answered, (client..client + 50).collect::<Vec<i32>>());
    pids
}

/// A failed statement is undone at a savepoint; a dropped transaction leaves nothing.
async fn transactions(url: &str, client: i32) {
    let mut session = connect(url).await;
    let insert = session.prepare("INSERT INTO moved VALUES ($1, $2, 'kept')").await.unwrap();
    for round in 0..ROUNDS {
        let mut outer = session.transaction().await.unwrap();
        outer.execute(&insert, &[&client, &round]).await.unwrap();
        let inner = outer.transaction().await.unwrap();
        inner.execute(&insert, &[&client, &-1]).await.unwrap();
        let err = inner.query_one("SELECT 1 / 0", &[]).await.unwrap_err();
        assert_eq!(err.code(), Some(&SqlState::DIVISION_BY_ZERO));
        inner.rollback().await.unwrap();
        if round % 2 == 0 {
            outer.commit().await.unwrap();
        }
    }
    let query = "SELECT array_agg(n ORDER BY n) FROM moved WHERE client = $1";
    let kept: Vec<i32> = session.query_one(query, &[&client]).await.unwrap().get(0);
    assert_eq!(kept, (0..ROUNDS).step_by(2).collect::<Vec<i32>>());
}

/// Rows go in and come out as text.
async fn copies(url: &str, client: i32) {
    let session = connect(url).await;
    let text: String = (0..300).map(|n| format!("{client}\t{n}\tcopied\n")).collect();
    let sink = session.copy_in("COPY moved FROM STDIN").await.unwrap();
    let mut sink = std::pin::pin!(sink);
    for part in text.as_bytes().chunks(1000) {
        sink.send(Cursor::new(part.to_vec())).await.unwrap();
    }
    assert_eq!(sink.finish().await.unwrap(), 300);
    let back = format!(
        "COPY (SELECT * FROM moved WHERE client = {client} AND word = 'copied' ORDER BY n) TO STDOUT"
    );
    let stream = session.copy_out(&back).await.unwrap();
    let parts: Vec<_> = stream.try_collect().await.unwrap();
    assert_eq!(parts.concat(), text.as_bytes());
}

/// A cancel ends the sleeping statement and leaves the session usable.
async fn cancels(url: &str) {
    let (victim, watcher) = (connect(url).await, connect(url).await);
    let cancel = victim.cancel_token();
    let sleeping = tokio::spawn(async move {
        let err = victim.query("SELECT pg_sleep(600) AS cancel_me", &[]).await.unwrap_err();
        (victim, err)
    });
    let running = "SELECT count(*) FROM pg_stat_activity
        WHERE state = 'active' AND wait_event = 'PgSleep' AND query LIKE '%cancel_me%'";
    while watcher.query_one(running, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    cancel.cancel_query(NoTls).await.unwrap();
    let (victim, err) = sleeping.await.unwrap();
    assert_eq!(err.code(), Some(&SqlState::QUERY_CANCELED));
    assert_eq!(victim.query_one("SELECT 7", &[]).await.unwrap().get::<_, i32>(0), 7);
}
