"""asyncpg with its statement cache on: prepared statements, types, cursors, COPY, the pool."""

import asyncio
import json

import asyncpg

from common import CLIENTS, ROUNDS, check_servers, same, zone


async def statements(client):
    """Cached statements, the same text in all clients and a text of each client's own."""
    conn = await asyncpg.connect()
    pids = []
    for number in range(ROUNDS):
        pids.append(await conn.fetchval("SELECT pg_backend_pid()"))
        same(await conn.fetchval("SELECT $1::int * 2", number), number * 2)
        same(await conn.fetchval(f"SELECT $1::text || '-{client}'", "x"), f"x-{client}")
    statement = await conn.prepare("SELECT $1::int + $2::int")
    for number in range(ROUNDS):
        same(await statement.fetchval(number, client), number + client)
    await conn.close()
    return pids


async def transactions(client):
    """Nested transactions; an inner one that fails leaves the outer one standing."""
    conn = await asyncpg.connect(server_settings={"timezone": zone(client)})
    for number in range(ROUNDS):
        async with conn.transaction(isolation="repeatable_read"):
            await conn.execute("INSERT INTO notes VALUES ($1, $2)", client, f"outer {number}")
            try:
                async with conn.transaction():
                    await conn.execute("INSERT INTO notes VALUES ($1, 'inner')", client)
                    await conn.execute("SELECT 1 / 0")
            except asyncpg.DivisionByZeroError:
                pass
        same(await conn.fetchval("SHOW TimeZone"), zone(client))
    found = await conn.fetch("SELECT note FROM notes WHERE client = $1 ORDER BY note", client)
    same(sorted(row["note"] for row in found), sorted(f"outer {n}" for n in range(ROUNDS)))
    await conn.close()


async def types(client):
    """Composite, enum and array types, which asyncpg looks up by itself, and a codec for JSON."""
    conn = await asyncpg.connect()
    await conn.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
    for number in range(ROUNDS):
        document = {"client": client, "list": [1, None, "é"]}
        same(await conn.fetchval("SELECT $1::jsonb", document), document)
        point = await conn.fetchval("SELECT ROW($1::int, 'blue')::spot", number)
        same(tuple(point), (number, "blue"))
        same(await conn.fetchval("SELECT $1::colour[]", ["red", "blue"]), ["red", "blue"])
    await conn.close()


async def streams(client):
    """A cursor in a transaction, COPY in and out in binary, many rows at once."""
    conn = await asyncpg.connect()
    table = f"streamed_{client}"
    await conn.execute(f"CREATE TABLE {table} (a int, b text)")
    rows = [(n, f"{client}-{n}") for n in range(400)]
    await conn.copy_records_to_table(table, records=rows)
    await conn.executemany(f"INSERT INTO {table} VALUES ($1, $2)", [(n, "many") for n in range(99)])
    async with conn.transaction():
        query = f"SELECT a FROM {table} WHERE b <> 'many' ORDER BY a"
        same([row["a"] async for row in conn.cursor(query, prefetch=30)], list(range(400)))
    out = bytearray()

    async def take(data):
        out.extend(data)

    query = f"SELECT count(*) FROM {table} WHERE b = 'many'"
    await conn.copy_from_query(query, output=take, format="text")
    same(bytes(out), b"99\n")
    await conn.execute(f"DROP TABLE {table}")
    await conn.close()


async def pool():
    """asyncpg's own pool, smaller than the number of tasks, resetting at each release."""
    async with asyncpg.create_pool(min_size=4, max_size=4) as connections:

        async def task(number):
            async with connections.acquire() as conn:
                same(await conn.fetchval("SELECT $1::int", number), number)

        await asyncio.gather(*(task(n) for n in range(CLIENTS * ROUNDS)))


async def main():
    setup = await asyncpg.connect()
    await setup.execute(
        "CREATE TABLE notes (client int, note text);"
        "CREATE TYPE colour AS ENUM ('red', 'blue');"
        "CREATE TYPE spot AS (x int, c colour)"
    )
    await setup.close()
    check_servers(await asyncio.gather(*(statements(n) for n in range(CLIENTS))))
    for check in [transactions, types, streams]:
        await asyncio.gather(*(check(n) for n in range(CLIENTS)))
    await pool()


asyncio.run(main())
