"""The console through psycopg 3, by simple queries and by the extended protocol, and psycopg 2."""

import psycopg
import psycopg2

with psycopg.connect("dbname=weir", autocommit=True) as console:
    rows = console.execute("SHOW STATE").fetchall()
    assert ("active", "yes") in rows, rows
    # Parse, Bind, Describe, Execute; then by its name.
    for _ in range(3):
        cursor = console.execute("SHOW LISTS", prepare=True)
        assert [column.name for column in cursor.description] == ["list", "items"]
        lists = dict(cursor.fetchall())
        assert lists["used_clients"] == 0, lists
    console.execute("PAUSE", prepare=True)
    assert ("paused", "yes") in console.execute("SHOW STATE", prepare=True).fetchall()
    console.execute("RESUME")
    try:
        console.execute("SHOW NOTHING", prepare=True)
        raise AssertionError("there is no such table")
    except psycopg.errors.SyntaxError as error:
        assert error.diag.message_hint, "a hint lists the tables"
    try:
        console.execute("SHOW %s", ["POOLS"])
        raise AssertionError("parameters are refused")
    except psycopg.Error:
        pass
    try:
        console.execute("SHOW LISTS", binary=True)
        raise AssertionError("binary results are refused")
    except psycopg.errors.FeatureNotSupported:
        pass
    assert console.execute("SHOW VERSION").fetchone()[0].startswith("Weir ")

# Without autocommit both send BEGIN first.
with psycopg.connect("dbname=pgbouncer") as console:
    assert console.execute("SHOW POOLS").fetchall() == []

old = psycopg2.connect("dbname=pgbouncer")
cursor = old.cursor()
cursor.execute("SHOW DATABASES")
assert cursor.description[0].name == "name"
old.close()
