"""Django whose atomic blocks are evicted: outer, nested, nested and caught, durable."""

import os

import django
from django.conf import settings

from common import same
from evicting import evict, left, saw, table

settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": os.environ["PGDATABASE"],
            "USER": os.environ["PGUSER"],
            "HOST": os.environ["PGHOST"],
            "PORT": os.environ["PGPORT"],
            "OPTIONS": {"application_name": "victim"},
            "CONN_MAX_AGE": None,
            "DISABLE_SERVER_SIDE_CURSORS": True,
        }
    }
)
django.setup()

from django.db import DatabaseError, connection, models, transaction  # noqa: E402


class Note(models.Model):
    note = models.TextField(primary_key=True)

    class Meta:
        app_label = "notes"
        db_table = "notes"


# What ran because somebody took an evicted transaction for committed.
hooks = []


def evicted():
    """Writes something, and is evicted."""
    transaction.on_commit(lambda: hooks.append("committed"))
    Note.objects.create(note="evicted")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    evict("victim", pid)


def failed(what, call):
    try:
        call()
    except DatabaseError as error:
        saw("Django", what, error.__cause__)
        print(f"Django | {what} | {type(error).__module__}.{type(error).__name__}")
    else:
        raise AssertionError(f"{what} has succeeded")


def statements():
    @transaction.atomic
    def block():
        evicted()
        Note.objects.count()

    failed("statement in an atomic block", block)


def commits():
    failed("end of an atomic block", transaction.atomic(evicted))
    failed("end of a durable block", transaction.atomic(durable=True)(evicted))


def nested():
    @transaction.atomic
    def block():
        Note.objects.create(note="outer")
        with transaction.atomic():
            evicted()

    failed("end of a nested block", block)


def caught():
    """A nested block that fails and is caught: the outer one must not go on as if all were well."""
    seen = []

    @transaction.atomic
    def block():
        Note.objects.create(note="outer")
        try:
            with transaction.atomic():
                evicted()
        except DatabaseError as error:
            saw("Django", "end of a nested block that is caught", error.__cause__)
            seen.append(connection.needs_rollback)
        Note.objects.create(note="after")

    try:
        block()
    except transaction.TransactionManagementError as error:
        print(f"Django | statement behind it | {type(error).__module__}.{type(error).__name__}")
        seen.append("refused")
    same(seen, [True, "refused"])


def main():
    table()
    connection.ensure_connection()
    backend = connection.connection
    for check in [statements, commits, nested, caught]:
        check()
        same(left(), [])
        same(hooks, [])
        # The connection is the same, and fit for use.
        assert connection.connection is backend
        Note.objects.create(note=check.__name__)
        same(left(), [check.__name__])
        Note.objects.all().delete()
    connection.close()


main()
