"""psycopg2 whose transactions are evicted."""

import os

import psycopg2
from psycopg2 import extensions

from common import same
from evicting import evict, left, saw, table

IDLE = extensions.TRANSACTION_STATUS_IDLE


def begun(cur):
    cur.execute("INSERT INTO notes VALUES ('evicted')")
    cur.execute("SELECT pg_backend_pid()")
    return cur.fetchone()[0]


def failed(what, call):
    try:
        call()
    except psycopg2.Error as error:
        saw("psycopg2", what, error)
    else:
        raise AssertionError(f"{what} has succeeded")


def statements(conn, cur):
    evict("victim", begun(cur))
    for _ in range(2):
        failed("statement", lambda: cur.execute("SELECT 1"))
    failed("savepoint", lambda: cur.execute("SAVEPOINT a"))
    failed("rollback to a savepoint", lambda: cur.execute("ROLLBACK TO a"))
    conn.rollback()
    same(conn.get_transaction_status(), IDLE)
    cur.execute("INSERT INTO notes VALUES ('kept by psycopg2')")
    conn.commit()


def commits(conn, cur):
    """psycopg2 takes a transaction for ended whatever COMMIT is answered: it must be."""
    evict("victim", begun(cur))
    failed("commit", conn.commit)
    same(conn.get_transaction_status(), IDLE)
    cur.execute("SELECT 2")
    same(cur.fetchone(), (2,))
    conn.rollback()


def blocks(conn, cur):
    def block():
        with conn:
            evict("victim", begun(cur))

    failed("end of a block", block)
    same(conn.get_transaction_status(), IDLE)


def main():
    table()
    conn = psycopg2.connect(f"dbname={os.environ['PGDATABASE']} application_name=victim")
    with conn.cursor() as cur:
        for check in [statements, commits, blocks]:
            check(conn, cur)
            same(left(), ["kept by psycopg2"])
    conn.close()


main()
