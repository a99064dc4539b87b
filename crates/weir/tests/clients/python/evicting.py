"""Evicts a client's transaction through the console, while another client waits for its slot."""

import os
import threading
import time

import psycopg
from psycopg.rows import dict_row

from common import same

# How long anything may take that must happen, in seconds.
PATIENCE = 60


def connect(application, **more):
    """A connection that others can tell by its name."""
    return psycopg.connect(application_name=application, **more)


class Console:
    """The proxy's console."""

    def __init__(self):
        self.conn = psycopg.connect(dbname="weir", autocommit=True, row_factory=dict_row)

    def client(self, application, activity):
        """The client of that name, once it does that."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for row in self.conn.execute("SHOW CLIENTS").fetchall():
                if (row["application_name"], row["activity"]) == (application, activity):
                    return row["id"]
            time.sleep(0.01)
        raise TimeoutError(f"{application} is never {activity}")


def evict(application, pid, activity="idle in transaction"):
    """Evicts the client of that name, which has the only server connection, of process `pid`, once
    it does `activity`.

    Somebody waits for that connection meanwhile, and must get the same one.
    """
    console = Console()
    answers = []

    def wait():
        with connect("waiter", autocommit=True) as conn:
            answers.append(conn.execute("SELECT pg_backend_pid()").fetchone()[0])

    waiter = threading.Thread(target=wait)
    waiter.start()
    console.client("waiter", "waiting")
    same(answers, [])
    console.conn.execute(f"EVICT {console.client(application, activity)}")
    waiter.join(PATIENCE)
    same(answers, [pid])
    console.conn.close()


def saw(driver, what, error):
    """Notes what a driver made of it, and checks that the reason is there."""
    code = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    same((driver, what, code), (driver, what, "25P03"))
    assert "rolled back" in str(error), str(error)
    print(f"{driver} | {what} | {type(error).__module__}.{type(error).__name__}")


def left():
    """The rows that are in the table, seen by somebody else."""
    with connect("witness", autocommit=True) as conn:
        rows = conn.execute("SELECT note FROM notes ORDER BY note").fetchall()
    return [note for (note,) in rows]


def table():
    """An empty table for the notes."""
    with connect("witness", autocommit=True) as conn:
        conn.execute("CREATE TABLE notes (note text)")
    same(os.environ["SERVERS"], "1")
