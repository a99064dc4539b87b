"""Orders in batches; the receipts are rows of an outbox, sent by a worker after the commit."""

from django.db import transaction
from django.db.models import F

from shop.models import Customer, Order, Product
from shop.outbox import Receipt

BATCH = 100


def process_bulk_orders(order_data_list):
    results = []
    for start in range(0, len(order_data_list), BATCH):
        results.extend(process_batch(order_data_list[start : start + BATCH]))
    return results


def process_batch(batch):
    customers = Customer.objects.in_bulk([data["user_id"] for data in batch])
    products = Product.objects.in_bulk([data["product_id"] for data in batch])
    known = [d for d in batch if d["user_id"] in customers and d["product_id"] in products]
    with transaction.atomic(durable=True):
        orders = Order.objects.bulk_create(
            [Order(user_id=d["user_id"], product_id=d["product_id"]) for d in known],
            update_conflicts=True,
            unique_fields=["user", "product", "status"],
            update_fields={"quantity": F("quantity") + 1},
        )
        Receipt.objects.bulk_create([Receipt(order=order) for order in orders])
    accepted = {(d["user_id"], d["product_id"]) for d in known}
    return [
        {"user": d["user_id"], "accepted": (d["user_id"], d["product_id"]) in accepted}
        for d in batch
    ]
