"""Sessions of the whole server by database and state, the probe left out."""

from django.db import connections

SESSIONS = """
    SELECT datname, state, count(*), max(clock_timestamp() - xact_start)
    FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
    GROUP BY datname, state
"""


def sessions():
    with connections["monitor"].cursor() as cursor:
        cursor.execute(SESSIONS)
        return cursor.fetchall()
