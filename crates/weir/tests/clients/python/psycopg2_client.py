"""psycopg2: transactions, savepoints, named cursors, COPY, session settings."""

import io
import os

import psycopg2
from psycopg2 import errors, extras

from common import ROUNDS, check_servers, same, together, zone

# psycopg2 reads libpq's environment, but wants something in its argument.
DSN = f"dbname={os.environ['PGDATABASE']}"


def one(cur, query, args=None):
    cur.execute(query, args)
    return cur.fetchone()[0]


def transactions(client):
    """Counts up a row of its own under savepoints; half of the steps are undone."""
    conn = psycopg2.connect(DSN)
    pids = []
    with conn, conn.cursor() as cur:
        cur.execute("INSERT INTO counters VALUES (%s, 0)", [client])
    for number in range(ROUNDS):
        with conn, conn.cursor() as cur:
            pids.append(one(cur, "SELECT pg_backend_pid()"))
            cur.execute("UPDATE counters SET n = n + 1 WHERE client = %s", [client])
            cur.execute("SAVEPOINT step")
            cur.execute("UPDATE counters SET n = n + 100 WHERE client = %s", [client])
            cur.execute("ROLLBACK TO SAVEPOINT step")
        try:
            with conn, conn.cursor() as cur:
                cur.execute("UPDATE counters SET n = -1 WHERE client = %s", [client])
                cur.execute("SELECT 1 / 0")
            raise AssertionError("division by zero went unnoticed")
        except errors.DivisionByZero:
            pass
    with conn, conn.cursor() as cur:
        same(one(cur, "SELECT n FROM counters WHERE client = %s", [client]), ROUNDS)
    conn.close()
    return pids


def settings(client):
    """Session settings and isolation levels are each client's own."""
    conn = psycopg2.connect(DSN)
    conn.set_session(autocommit=True)
    with conn.cursor() as cur:
        cur.execute("SET TimeZone = %s", [zone(client)])
        for _ in range(ROUNDS):
            same(one(cur, "SHOW TimeZone"), zone(client))
            same(one(cur, "SHOW transaction_isolation"), "read committed")
    conn.set_session(autocommit=False, isolation_level="SERIALIZABLE", readonly=client % 2 == 0)
    for _ in range(ROUNDS):
        with conn, conn.cursor() as cur:
            same(one(cur, "SHOW transaction_isolation"), "serializable")
            same(one(cur, "SHOW transaction_read_only"), "on" if client % 2 == 0 else "off")
    conn.close()


def rows_both_ways(client):
    """A named cursor, COPY in and out, and many values in one statement."""
    conn = psycopg2.connect(DSN)
    table = f"moved_{client}"
    with conn, conn.cursor() as cur:
        cur.execute(f"CREATE TABLE {table} (a int, b text)")
        text = "".join(f"{n}\t{client}\n" for n in range(300))
        cur.copy_expert(f"COPY {table} FROM STDIN", io.StringIO(text))
        extras.execute_values(cur, f"INSERT INTO {table} VALUES %s", [(n, "v") for n in range(50)])
    with conn, conn.cursor("named") as cur:
        cur.itersize = 10
        cur.execute(f"SELECT a FROM {table} WHERE b = %s ORDER BY a", [str(client)])
        same([row[0] for row in cur], list(range(300)))
    with conn, conn.cursor() as cur:
        out = io.StringIO()
        cur.copy_expert(f"COPY (SELECT * FROM {table} WHERE b <> 'v' ORDER BY a) TO STDOUT", out)
        same(out.getvalue(), text)
        cur.execute(f"DROP TABLE {table}")
    conn.close()


setup = psycopg2.connect(DSN)
with setup, setup.cursor() as cursor:
    cursor.execute("CREATE TABLE counters (client int PRIMARY KEY, n int)")
setup.close()
check_servers(together(transactions))
together(settings)
together(rows_both_ways)
