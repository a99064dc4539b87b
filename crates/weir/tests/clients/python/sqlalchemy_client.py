"""SQLAlchemy over psycopg: Core and ORM, savepoints, isolation levels, streamed results."""

import sqlalchemy as sa
from sqlalchemy import orm

from common import CLIENTS, ROUNDS, check_servers, same, together


class Base(orm.DeclarativeBase):
    pass


class Account(Base):
    __tablename__ = "accounts"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    owner: orm.Mapped[int]
    balance: orm.Mapped[int]
    entries: orm.Mapped[list["Entry"]] = orm.relationship(back_populates="account")


class Entry(Base):
    __tablename__ = "entries"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    account_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey("accounts.id"))
    amount: orm.Mapped[int]
    account: orm.Mapped[Account] = orm.relationship(back_populates="entries")


engine = sa.create_engine("postgresql+psycopg://", pool_size=CLIENTS, max_overflow=0)
sessions = orm.sessionmaker(engine)


def orm_round_trip(client):
    """Writes and reads back through the unit of work; a savepoint is undone each time."""
    pids = []
    with sessions() as session:
        account = Account(owner=client, balance=0)
        session.add(account)
        session.commit()
        for number in range(ROUNDS):
            pids.append(session.scalar(sa.text("SELECT pg_backend_pid()")))
            account.balance += number
            account.entries.append(Entry(amount=number))
            try:
                with session.begin_nested():
                    session.add(Entry(account_id=-1, amount=0))
            except sa.exc.IntegrityError:
                pass
            session.commit()
        query = sa.select(sa.func.sum(Entry.amount)).join(Account).where(Account.owner == client)
        same(session.scalar(query), sum(range(ROUNDS)))
        same(account.balance, sum(range(ROUNDS)))
    return pids


def core(client):
    """Many rows in one statement with RETURNING, a streamed result, another isolation level."""
    with engine.begin() as conn:
        account = conn.scalar(
            sa.insert(Account).values(owner=1000 + client, balance=0).returning(Account.id)
        )
        rows = [{"account_id": account, "amount": n} for n in range(200)]
        made = conn.scalars(sa.insert(Entry).returning(Entry.amount), rows)
        same(sorted(made), list(range(200)))
    with engine.connect() as conn:
        query = sa.select(Entry.amount).where(Entry.account_id == account).order_by(Entry.amount)
        streamed = conn.execution_options(stream_results=True, max_row_buffer=20).scalars(query)
        same(list(streamed), list(range(200)))
    serializable = engine.execution_options(isolation_level="SERIALIZABLE")
    for _ in range(ROUNDS):
        with serializable.begin() as conn:
            same(conn.scalar(sa.text("SHOW transaction_isolation")), "serializable")
        with engine.begin() as conn:
            same(conn.scalar(sa.text("SHOW transaction_isolation")), "read committed")


Base.metadata.create_all(engine)
check_servers(together(orm_round_trip))
together(core)
same(sorted(sa.inspect(engine).get_table_names()), ["accounts", "entries"])
