"""psycopg 3 whose transactions are evicted: plain, nested, in a pipeline, in COPY."""

import psycopg

from common import same
from evicting import connect, evict, left, saw, table

IDLE = psycopg.pq.TransactionStatus.IDLE
ADD = "INSERT INTO notes VALUES (%s)"


def begun(conn):
    """Opens a transaction that has written something. Returns its server's process id."""
    conn.execute(ADD, ["evicted"], prepare=True)
    return conn.execute("SELECT pg_backend_pid()").fetchone()[0]


def failed(what, call):
    try:
        call()
    except psycopg.Error as error:
        saw("psycopg 3", what, error)
    else:
        raise AssertionError(f"{what} has succeeded")


def statements(conn):
    """Each statement is told why, until ROLLBACK; then the same prepared statement works."""
    evict("victim", begun(conn))
    for _ in range(2):
        failed("statement", lambda: conn.execute("SELECT 1"))
    conn.rollback()
    same(conn.info.transaction_status, IDLE)
    conn.execute(ADD, ["kept by psycopg 3"], prepare=True)
    conn.commit()


def commits(conn):
    """COMMIT is an error, and the transaction is over."""
    evict("victim", begun(conn))
    failed("commit", conn.commit)
    same(conn.info.transaction_status, IDLE)
    same(conn.execute("SELECT 2").fetchone(), (2,))
    conn.rollback()


def blocks(conn):
    """Nested blocks: an inner one that is caught does not save the outer one."""

    def outer():
        with conn.transaction():
            pid = begun(conn)
            try:
                with conn.transaction():
                    evict("victim", pid)
            except psycopg.Error as error:
                saw("psycopg 3", "release of a savepoint", error)

    failed("end of the outer block", outer)
    same(conn.info.transaction_status, IDLE)


def pipelines(conn):
    """A pipeline in an evicted transaction fails as a whole."""
    evict("victim", begun(conn))

    def pipeline():
        with conn.pipeline():
            conn.execute(ADD, ["pipelined"])
            conn.execute("SELECT 1")

    failed("pipeline", pipeline)
    conn.rollback()
    same(conn.info.transaction_status, IDLE)


def copies(conn):
    """COPY from the client is ended."""
    pid = begun(conn)

    def copy():
        with conn.cursor() as cur, cur.copy("COPY notes FROM STDIN") as copy:
            copy.write_row(["copied"])
            evict("victim", pid, "active")
            copy.write_row(["copied, too"])

    failed("copy", copy)
    conn.rollback()
    same(conn.info.transaction_status, IDLE)


def main():
    table()
    with connect("victim") as conn:
        for check in [statements, commits, blocks, pipelines, copies]:
            check(conn)
            same(left(), ["kept by psycopg 3"])


main()
