//! Real clients through the proxy: each is a program that asserts its own results over several
//! connections at once, while the pool hands out another server connection for every transaction.
//! A leak of state from one client to another makes one of those assertions fail.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]
#![allow(clippy::print_stdout, reason = "what each driver saw")]

mod evicted;
mod evicting;
mod pgbench;
mod programs;
mod psql;
mod sqlx_pool;
mod stage;
mod tokio_pg;

/// Declares each check as a test on each version of PostgreSQL.
macro_rules! on_each_version {
    ($($check:path => $name:ident),* $(,)?) => {
        mod postgres_15 {
            $(#[test] fn $name() { $check(&crate::stage::Stage::new(15)); })*
        }
        mod postgres_18 {
            $(#[test] fn $name() { $check(&crate::stage::Stage::new(18)); })*
        }
    };
}

on_each_version! {
    crate::psql::check => psql,
    crate::pgbench::simple => pgbench_simple,
    crate::pgbench::extended => pgbench_extended,
    crate::pgbench::prepared => pgbench_prepared,
    crate::programs::psycopg3 => psycopg3,
    crate::programs::psycopg2 => psycopg2,
    crate::programs::asyncpg => asyncpg,
    crate::programs::sqlalchemy_psycopg => sqlalchemy_psycopg,
    crate::programs::sqlalchemy_asyncpg => sqlalchemy_asyncpg,
    crate::programs::django => django,
    crate::programs::node_postgres => node_postgres,
    crate::tokio_pg::check => tokio_postgres,
    crate::sqlx_pool::check => sqlx,
}

/// Programs whose transactions are evicted. Nothing but Weir can do that.
mod evictions {
    /// Declares each check as a test with one server connection.
    macro_rules! each {
        ($($check:path => $name:ident),* $(,)?) => {
            $(#[test] fn $name() { $check(&crate::stage::Stage::of_size(15, 1)); })*
        }
    }

    each! {
        crate::programs::evicted_psycopg3 => psycopg3,
        crate::programs::evicted_psycopg2 => psycopg2,
        crate::programs::evicted_asyncpg => asyncpg,
        crate::programs::evicted_django => django,
        crate::programs::evicted_node_postgres => node_postgres,
        crate::evicted::tokio_postgres => tokio_postgres,
        crate::evicted::sqlx => sqlx,
    }
}
