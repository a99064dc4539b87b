"""psycopg 3: prepared statements, pipelines, server-side cursors, COPY both ways, cancel."""

import threading
import time

import psycopg
from psycopg import errors

from common import CLIENTS, ROUNDS, check_servers, same, together, zone


def prepared(client):
    """Every client prepares statements of the same name with a text of its own."""
    pids = []
    with psycopg.connect(autocommit=True) as conn:
        for number in range(ROUNDS):
            query = f"SELECT {client}, pg_backend_pid(), %s::int + {client}"
            mine, pid, total = conn.execute(query, [number], prepare=True).fetchone()
            same((mine, total), (client, number + client))
            pids.append(pid)
            echo = conn.execute("SELECT %s::text", [f"x{number}"], prepare=True)
            same(echo.fetchone(), (f"x{number}",))
    return pids


def settings(client):
    """What a client sets for its session is its own; what it sets for a transaction ends there."""
    with psycopg.connect(autocommit=True) as conn:
        conn.execute(f"SET TimeZone = '{zone(client)}'")
        conn.execute(f"SET application_name = 'client-{client}'")
        for _ in range(ROUNDS):
            with conn.transaction():
                conn.execute("SET LOCAL statement_timeout = '12345'")
                same(conn.execute("SHOW statement_timeout").fetchone(), ("12345ms",))
            same(conn.execute("SHOW statement_timeout").fetchone(), ("0",))
            same(conn.execute("SHOW TimeZone").fetchone(), (zone(client),))
            same(conn.execute("SHOW application_name").fetchone(), (f"client-{client}",))


def pipelines(client):
    """Results of a pipeline come back in order; a failure spares the next pipeline."""
    with psycopg.connect(autocommit=True) as conn:
        for number in range(ROUNDS):
            with conn.pipeline():
                cursors = [conn.execute("SELECT %s::int", [client * 1000 + n]) for n in range(20)]
            same([cur.fetchone()[0] for cur in cursors], [client * 1000 + n for n in range(20)])
        try:
            with conn.pipeline():
                conn.execute("SELECT 2")
                # Last: an error that arrives before the block ends leaves psycopg's pipeline open.
                conn.execute("SELECT 1 / %s", [0])
            raise AssertionError("division by zero went unnoticed")
        except errors.DivisionByZero:
            pass
        same(conn.execute("SELECT %s::int", [client]).fetchone(), (client,))


def cursors(client):
    """A server-side cursor inside a transaction is read in parts."""
    with psycopg.connect() as conn:
        for number in range(3):
            with conn.transaction():
                with conn.cursor(name="rows") as cur:
                    cur.itersize = 7
                    cur.execute("SELECT n + %s FROM generate_series(1, 50) n", [client])
                    same([row[0] for row in cur], [n + client for n in range(1, 51)])


def copies(client):
    """COPY in, text and binary; COPY out gives the same rows; a broken COPY leaves nothing."""
    table = f"copied_{client}"
    rows = [(n, f"row {n} of {client}", None) for n in range(500)]
    with psycopg.connect() as conn:
        conn.execute(f"CREATE TABLE {table} (a int, b text, c int)")
        for form in ["TEXT", "BINARY"]:
            conn.execute(f"TRUNCATE {table}")
            with conn.cursor().copy(f"COPY {table} FROM STDIN (FORMAT {form})") as copy:
                copy.set_types(["int4", "text", "int4"])
                for row in rows:
                    copy.write_row(row)
            conn.commit()
            with conn.cursor().copy(f"COPY {table} TO STDOUT (FORMAT {form})") as copy:
                copy.set_types(["int4", "text", "int4"])
                same(list(copy.rows()), rows)
            conn.commit()
        try:
            with conn.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                copy.write(b"1\tgood\t1\nnot a number\tbad\t1\n")
            raise AssertionError("a broken COPY went unnoticed")
        except errors.InvalidTextRepresentation:
            conn.rollback()
        same(conn.execute(f"SELECT count(*) FROM {table}").fetchone(), (500,))
        conn.execute(f"DROP TABLE {table}")


def cancels(client):
    """A cancel ends the statement of the connection that it was asked for, and of no other."""
    marker = f"cancel-me-{client}"
    with psycopg.connect(autocommit=True) as victim, psycopg.connect(autocommit=True) as watcher:
        outcome = []

        def sleep():
            try:
                victim.execute(f"SELECT pg_sleep(600) -- {marker}")
            except errors.QueryCanceled:
                outcome.append("cancelled")

        thread = threading.Thread(target=sleep)
        thread.start()
        running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE %s"
        while watcher.execute(running, [f"SELECT pg_sleep%{marker}"]).fetchone() != (1,):
            time.sleep(0.01)
        victim.cancel_safe(timeout=30)
        thread.join()
        same(outcome, ["cancelled"])
        same(victim.execute("SELECT 'alive'").fetchone(), ("alive",))


def errors_keep_the_session(client):
    """An error inside a transaction fails it until the rollback, and nobody else's."""
    with psycopg.connect() as conn:
        for _ in range(ROUNDS):
            try:
                conn.execute("SELECT * FROM no_such_table")
                raise AssertionError("a missing table went unnoticed")
            except errors.UndefinedTable:
                pass
            try:
                conn.execute("SELECT 1")
                raise AssertionError("a failed transaction went on")
            except errors.InFailedSqlTransaction:
                conn.rollback()
            same(conn.execute("SELECT %s::int", [client]).fetchone(), (client,))
            conn.commit()


check_servers(together(prepared))
for check in [settings, pipelines, cursors, copies, errors_keep_the_session]:
    together(check)
# Two at a time: each holds a server connection for its sleeping statement.
for first in range(0, CLIENTS, 4):
    cancels(first)
