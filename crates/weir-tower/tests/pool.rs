//! What the layer takes back from a leaking request is really back: a pool of one connection goes
//! on serving, and a leaked transaction is rolled back.

#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgPool, Postgres, Transaction};
use weir_testkit::{PgServer, Want};
use weir_tower::{Checkout, Holds, OutsideCalls, RequestContext, Stats, tagged};

/// Where a careless handler puts what it should have dropped.
type Hoard<T> = Arc<Mutex<Vec<Checkout<T>>>>;

fn pool_of_one() -> PgPool {
    let server = PgServer::shared(Want::default()).unwrap();
    let url = server.url(&server.fresh_database().unwrap());
    let limit = Duration::from_secs(60);
    PgPoolOptions::new().max_connections(1).acquire_timeout(limit).connect_lazy(&url).unwrap()
}

/// One request, from its start to the end of its body.
async fn request(stats: &Arc<Stats>, work: impl Future<Output = ()>) {
    let context = RequestContext::new("GET /leak", OutsideCalls::Warn, stats.clone());
    context.scope(work).await;
    context.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_of_one_outlives_a_hundred_leaks() {
    let (pool, stats) = (pool_of_one(), Arc::<Stats>::default());
    let hoard: Hoard<PoolConnection<Postgres>> = Arc::default();
    for _ in 0..100 {
        request(&stats, async {
            let mut held = Checkout::new(pool.acquire().await.unwrap(), Holds::Connection);
            sqlx::query(tagged("SELECT 1")).execute(&mut **held.borrow().unwrap()).await.unwrap();
            hoard.lock().unwrap().push(held);
        })
        .await;
    }
    let counts = stats.snapshot();
    assert_eq!((counts.checkouts, counts.taken_back), (100, 100));
    assert_eq!(pool.size(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaked_transaction_is_rolled_back() {
    let (pool, stats) = (pool_of_one(), Arc::<Stats>::default());
    sqlx::raw_sql("CREATE TABLE t (n int)").execute(&pool).await.unwrap();
    let hoard: Hoard<Transaction<'static, Postgres>> = Arc::default();
    request(&stats, async {
        let transaction = pool.begin_with(tagged("BEGIN")).await.unwrap();
        let mut held = Checkout::new(transaction, Holds::Transaction);
        let insert = sqlx::query(tagged("INSERT INTO t VALUES (1)"));
        insert.execute(&mut **held.borrow().unwrap()).await.unwrap();
        hoard.lock().unwrap().push(held);
    })
    .await;
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM t").fetch_one(&pool).await.unwrap();
    assert_eq!((rows, stats.snapshot().taken_back), (0, 1));
}
