"""Receipts waiting to be sent. One HTTP client, a deadline a call, no transaction around it."""

import httpx
from django.db import models, transaction

from shop.models import Order

CLIENT = httpx.Client(timeout=5)


class Receipt(models.Model):
    order = models.OneToOneField(Order, on_delete=models.CASCADE)
    sent = models.BooleanField(default=False)


def send_some():
    with transaction.atomic():
        waiting = list(
            Receipt.objects.filter(sent=False)
            .select_related("order__user")
            .select_for_update(skip_locked=True)[:50]
        )
        Receipt.objects.filter(pk__in=[receipt.pk for receipt in waiting]).update(sent=True)
    for receipt in waiting:
        answer = CLIENT.post("https://notify.example/v1", json={"email": receipt.order.user.email})
        answer.raise_for_status()
