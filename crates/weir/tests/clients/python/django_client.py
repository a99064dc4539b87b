"""Django: the ORM round trip, atomic blocks, savepoints, row locks, each client's time zone."""

import os

import django
from django.conf import settings

from common import CLIENTS, ROUNDS, check_servers, same, together, zone


def database(time_zone):
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ["PGDATABASE"],
        "USER": os.environ["PGUSER"],
        "HOST": os.environ["PGHOST"],
        "PORT": os.environ["PGPORT"],
        "TIME_ZONE": time_zone,
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        # A named cursor outside a transaction needs one server connection for its whole life.
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }


# The server's own zone is UTC: Django sends set_config('TimeZone', ...) for the others.
aliases = {f"client{n}": database(zone(n)) for n in range(CLIENTS)}
settings.configure(DATABASES={"default": database("UTC"), **aliases}, USE_TZ=True)
django.setup()

from django.db import IntegrityError, connection, connections, models, transaction  # noqa: E402
from django.db.models import F, Sum  # noqa: E402


class Product(models.Model):
    name = models.CharField(max_length=50, unique=True)
    stock = models.IntegerField(default=0)

    class Meta:
        app_label = "shop"


class Order(models.Model):
    product = models.ForeignKey(Product, on_delete=models.CASCADE)
    quantity = models.IntegerField()
    made = models.DateTimeField(auto_now_add=True)
    details = models.JSONField(default=dict)

    class Meta:
        app_label = "shop"


def shop(client):
    """Orders from a product of its own; every second order is undone at a savepoint."""
    alias = f"client{client}"
    pids = []
    product = Product.objects.using(alias).create(name=f"product {client}")
    orders = Order.objects.using(alias).filter(product=product)
    for number in range(ROUNDS):
        with transaction.atomic(using=alias):
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                pids.append(cursor.fetchone()[0])
            locked = Product.objects.using(alias).select_for_update().get(pk=product.pk)
            Order.objects.using(alias).create(
                product=locked, quantity=number, details={"client": client}
            )
            try:
                with transaction.atomic(using=alias):
                    Product.objects.using(alias).create(name=f"product {client}")
            except IntegrityError:
                pass
            Product.objects.using(alias).filter(pk=product.pk).update(stock=F("stock") + number)
        with connections[alias].cursor() as cursor:
            cursor.execute("SHOW TimeZone")
            same(cursor.fetchone()[0], zone(client))
    product.refresh_from_db()
    same(product.stock, sum(range(ROUNDS)))
    same(orders.aggregate(total=Sum("quantity"))["total"], sum(range(ROUNDS)))
    same({order.details["client"] for order in orders.iterator()}, {client})
    same(orders.count(), ROUNDS)
    connections[alias].close()
    return pids


def bulk(client):
    """Bulk creation with conflicts, and rows read back in parts."""
    alias = f"client{client}"
    names = [f"bulk {client}-{n}" for n in range(100)]
    for _ in range(2):
        products = [Product(name=name, stock=1) for name in names]
        Product.objects.using(alias).bulk_create(
            products, update_conflicts=True, unique_fields=["name"], update_fields=["stock"]
        )
    mine = Product.objects.using(alias).filter(name__startswith=f"bulk {client}-")
    same(sum(product.stock for product in mine.iterator(chunk_size=10)), 100)
    connections[alias].close()


with connection.schema_editor() as editor:
    editor.create_model(Product)
    editor.create_model(Order)
connection.close()
check_servers(together(shop))
together(bulk)
same(Product.objects.filter(name__startswith="product").count(), CLIENTS)
connections.close_all()
