"""asyncpg whose transactions are evicted: blocks, nested ones, its pool."""

import asyncio

import asyncpg

from common import same
from evicting import evict, left, saw, table

ADD = "INSERT INTO notes VALUES ($1)"


async def begun(conn):
    await conn.execute(ADD, "evicted")
    return await conn.fetchval("SELECT pg_backend_pid()")


async def evicted(conn):
    pid = await begun(conn)
    await asyncio.to_thread(evict, "victim", pid)


async def failed(what, call):
    try:
        await call()
    except asyncpg.PostgresError as error:
        saw("asyncpg", what, error)
    else:
        raise AssertionError(f"{what} has succeeded")


async def statements(conn):
    async def block():
        async with conn.transaction():
            await evicted(conn)
            await failed("statement", lambda: conn.fetchval("SELECT 1"))
            await conn.execute(ADD, "more")

    await failed("block", block)
    assert not conn.is_in_transaction()
    await conn.execute(ADD, "kept by asyncpg")


async def commits(conn):
    async def block():
        async with conn.transaction():
            await evicted(conn)

    await failed("commit", block)
    assert not conn.is_in_transaction()
    same(await conn.fetchval("SELECT $1::int", 2), 2)


async def nested(conn):
    async def outer():
        async with conn.transaction():
            try:
                async with conn.transaction():
                    await evicted(conn)
            except asyncpg.PostgresError as error:
                saw("asyncpg", "release of a savepoint", error)

    await failed("end of the outer block", outer)
    assert not conn.is_in_transaction()


async def cursors(conn):
    async def block():
        async with conn.transaction():
            rows = await conn.cursor("SELECT n FROM generate_series(1, 9) n")
            same([row["n"] for row in await rows.fetch(2)], [1, 2])
            await evicted(conn)
            await rows.fetch(2)

    await failed("cursor", block)
    assert not conn.is_in_transaction()


async def pools():
    """A connection that is given back after an eviction is fit for use."""
    settings = {"application_name": "victim"}
    async with asyncpg.create_pool(min_size=1, max_size=1, server_settings=settings) as pool:

        async def task():
            async with pool.acquire() as conn:
                transaction = conn.transaction()
                await transaction.start()
                await evicted(conn)
                await conn.execute(ADD, "more")

        await failed("statement on a pooled connection", task)
        same(await pool.fetchval("SELECT 3"), 3)


async def main():
    table()
    conn = await asyncpg.connect(server_settings={"application_name": "victim"})
    await statements(conn)
    for check in [commits, nested, cursors]:
        await check(conn)
        same(left(), ["kept by asyncpg"])
    await conn.close()
    await pools()
    same(left(), ["kept by asyncpg"])


asyncio.run(main())
