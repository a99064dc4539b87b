//! tokio-postgres and sqlx whose transactions are evicted.

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Acquire, PgConnection};
use tokio_postgres::Client;

use crate::evicting::{connect, evict, left};
use crate::stage::Stage;

const ADD: &str = "INSERT INTO notes VALUES ('evicted')";

/// Statements, COMMIT, savepoints, prepared statements, a dropped transaction.
#[tokio::main]
pub(crate) async fn tokio_postgres(stage: &Stage) {
    let mut client = connect(&format!("{}?application_name=victim", stage.url())).await;
    client.batch_execute("CREATE TABLE notes (note text)").await.unwrap();
    let add = client.prepare(ADD).await.unwrap();

    let outer = begun(&mut client, stage).await;
    failed("tokio-postgres", "statement", outer.query("SELECT 1", &[]).await.map(drop));
    failed("tokio-postgres", "prepared statement", outer.execute(&add, &[]).await.map(drop));
    outer.rollback().await.unwrap();
    works(&client).await;

    let outer = begun(&mut client, stage).await;
    failed("tokio-postgres", "commit", outer.commit().await);
    works(&client).await;

    let mut outer = client.transaction().await.unwrap();
    let inner = outer.transaction().await.unwrap();
    let pid = inner.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    inner.execute(&add, &[]).await.unwrap();
    evict(stage, pid).await;
    failed("tokio-postgres", "release of a savepoint", inner.commit().await);
    failed("tokio-postgres", "commit behind it", outer.commit().await);
    works(&client).await;

    // One that is dropped rolls back by itself.
    drop(begun(&mut client, stage).await);
    works(&client).await;
    assert_eq!(left(stage).await, "");
    client.execute(&add, &[]).await.unwrap();
    assert_eq!(left(stage).await, "evicted");
}

/// Opens a transaction that has written something, and evicts it.
async fn begun<'c>(client: &'c mut Client, stage: &Stage) -> tokio_postgres::Transaction<'c> {
    let transaction = client.transaction().await.unwrap();
    transaction.execute(ADD, &[]).await.unwrap();
    let pid = transaction.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    evict(stage, pid).await;
    transaction
}

async fn works(client: &Client) {
    assert_eq!(client.query_one("SELECT 7", &[]).await.unwrap().get::<_, i32>(0), 7);
}

/// Checks that the driver says why.
fn failed<E: Code + std::fmt::Debug>(driver: &str, what: &str, outcome: Result<(), E>) {
    let error = outcome.unwrap_err();
    assert_eq!(error.sqlstate().as_deref(), Some("25P03"), "{driver}, {what}: {error:?}");
    println!("{driver} | {what} | {}", error.kind());
}

/// An error with an SQLSTATE.
trait Code {
    fn sqlstate(&self) -> Option<String>;
    fn kind(&self) -> &'static str;
}

impl Code for tokio_postgres::Error {
    fn sqlstate(&self) -> Option<String> {
        self.code().map(|code| code.code().to_owned())
    }

    fn kind(&self) -> &'static str {
        "Error of kind Db"
    }
}

impl Code for sqlx::Error {
    fn sqlstate(&self) -> Option<String> {
        self.as_database_error()?.code().map(std::borrow::Cow::into_owned)
    }

    fn kind(&self) -> &'static str {
        "Error::Database"
    }
}

/// The same through sqlx and its pool of one connection.
#[tokio::main]
pub(crate) async fn sqlx(stage: &Stage) {
    let options: PgConnectOptions = stage.url().parse().unwrap();
    let options = options.application_name("victim");
    let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    sqlx::query("CREATE TABLE notes (note text)").execute(&pool).await.unwrap();
    let works = || async {
        let seven: i32 = sqlx::query_scalar("SELECT 7").fetch_one(&pool).await.unwrap();
        assert_eq!(seven, 7);
        assert_eq!(left(stage).await, "");
    };

    let mut outer = pool.begin().await.unwrap();
    add_and_evict(&mut outer, stage).await;
    let select = sqlx::query("SELECT 1").execute(&mut *outer).await;
    failed("sqlx", "statement", select.map(drop));
    outer.rollback().await.unwrap();
    works().await;

    let mut outer = pool.begin().await.unwrap();
    add_and_evict(&mut outer, stage).await;
    failed("sqlx", "commit", outer.commit().await);
    works().await;

    let mut outer = pool.begin().await.unwrap();
    let mut inner = outer.begin().await.unwrap();
    add_and_evict(&mut inner, stage).await;
    failed("sqlx", "release of a savepoint", inner.commit().await);
    failed("sqlx", "commit behind it", outer.commit().await);
    works().await;

    let mut outer = pool.begin().await.unwrap();
    add_and_evict(&mut outer, stage).await;
    // One that is dropped rolls back by itself.
    drop(outer);
    works().await;
    sqlx::query(ADD).execute(&pool).await.unwrap();
    assert_eq!(left(stage).await, "evicted");
}

async fn add_and_evict(transaction: &mut PgConnection, stage: &Stage) {
    let connection = transaction.acquire().await.unwrap();
    sqlx::query(ADD).execute(&mut *connection).await.unwrap();
    let pid = "SELECT pg_backend_pid()";
    let pid: i32 = sqlx::query_scalar(pid).fetch_one(&mut *connection).await.unwrap();
    evict(stage, pid).await;
}
