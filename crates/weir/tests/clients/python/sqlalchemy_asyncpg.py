"""SQLAlchemy over asyncpg, both statement caches on, as an asynchronous service would use it."""

import asyncio

import sqlalchemy as sa
from sqlalchemy.ext import asyncio as sa_asyncio

from common import CLIENTS, ROUNDS, check_servers, same

metadata = sa.MetaData()
jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("client", sa.Integer, nullable=False),
    sa.Column("state", sa.Enum("new", "done", name="job_state"), nullable=False),
)
engine = sa_asyncio.create_async_engine(
    "postgresql+asyncpg://", pool_size=CLIENTS, max_overflow=0
)


async def work(client):
    """Makes jobs and takes them one by one under row locks, beside the other clients."""
    pids = []
    async with engine.begin() as conn:
        rows = [{"client": client, "state": "new"} for _ in range(ROUNDS)]
        await conn.execute(sa.insert(jobs), rows)
    next_job = (
        sa.select(jobs.c.id)
        .where(jobs.c.client == client, jobs.c.state == "new")
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    for _ in range(ROUNDS):
        async with engine.begin() as conn:
            pids.append(await conn.scalar(sa.text("SELECT pg_backend_pid()")))
            job = await conn.scalar(next_job)
            await conn.execute(sa.update(jobs).where(jobs.c.id == job).values(state="done"))
    async with engine.connect() as conn:
        counted = sa.select(jobs.c.state, sa.func.count()).where(jobs.c.client == client)
        found = (await conn.execute(counted.group_by(jobs.c.state))).all()
        same([tuple(row) for row in found], [("done", ROUNDS)])
    return pids


async def main():
    async with engine.begin() as conn:
        await conn.run_sync(metadata.create_all)
    check_servers(await asyncio.gather(*(work(n) for n in range(CLIENTS))))
    await engine.dispose()


asyncio.run(main())
