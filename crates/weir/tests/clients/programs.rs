//! Client programs in Python and JavaScript.

use std::path::{Path, PathBuf};

use weir_testkit::{Node, Python};

use crate::stage::Stage;

/// Environments are made here once and used by all tests.
const MADE_IN: &str = env!("CARGO_TARGET_TMPDIR");

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

fn python(stage: &Stage, name: &str) {
    let python = Python::drivers(Path::new(MADE_IN)).unwrap();
    let printed = stage.run(&mut python.script(&source("python").join(name)));
    println!("{printed}");
}

fn node(stage: &Stage, name: &str) {
    let node = Node::drivers(Path::new(MADE_IN)).unwrap();
    let printed = stage.run(&mut node.script(&source("node").join(name)));
    println!("{printed}");
}

/// psycopg 3: prepared, pipeline, cursors, COPY, cancel.
pub(crate) fn psycopg3(stage: &Stage) {
    python(stage, "psycopg3.py");
}

/// psycopg2: transactions, named cursors, COPY, session settings.
pub(crate) fn psycopg2(stage: &Stage) {
    python(stage, "psycopg2_client.py");
}

/// asyncpg with its statement cache.
pub(crate) fn asyncpg(stage: &Stage) {
    python(stage, "asyncpg_client.py");
}

/// SQLAlchemy over psycopg 3.
pub(crate) fn sqlalchemy_psycopg(stage: &Stage) {
    python(stage, "sqlalchemy_client.py");
}

/// SQLAlchemy over asyncpg.
pub(crate) fn sqlalchemy_asyncpg(stage: &Stage) {
    python(stage, "sqlalchemy_asyncpg.py");
}

/// Django's ORM.
pub(crate) fn django(stage: &Stage) {
    python(stage, "django_client.py");
}

/// node-postgres.
pub(crate) fn node_postgres(stage: &Stage) {
    node(stage, "pg.js");
}

/// psycopg 3 whose transactions are evicted.
pub(crate) fn evicted_psycopg3(stage: &Stage) {
    python(stage, "evicted_psycopg3.py");
}

/// The same for psycopg2.
pub(crate) fn evicted_psycopg2(stage: &Stage) {
    python(stage, "evicted_psycopg2.py");
}

/// The same for asyncpg.
pub(crate) fn evicted_asyncpg(stage: &Stage) {
    python(stage, "evicted_asyncpg.py");
}

/// The same for Django.
pub(crate) fn evicted_django(stage: &Stage) {
    python(stage, "evicted_django.py");
}

/// The same for node-postgres.
pub(crate) fn evicted_node_postgres(stage: &Stage) {
    node(stage, "evicted.js");
}
