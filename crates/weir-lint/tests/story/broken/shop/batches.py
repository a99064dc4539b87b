"""The first repair of the job: batches, and notifications that seem to be in the background."""

import logging
from concurrent.futures import ThreadPoolExecutor

import requests
from django.db import transaction

from shop.models import Customer, Order


class BatchProcessor:
    def process_bulk_orders(self, order_data_list):
        results = []
        for start in range(0, len(order_data_list), 100):
            results.extend(self._batch(order_data_list[start : start + 100]))
        return results

    def _batch(self, batch):
        try:
            with transaction.atomic():
                users = Customer.objects.in_bulk([data["user_id"] for data in batch])
                Order.objects.bulk_create(
                    Order(user=users[data["user_id"]], product_id=data["product_id"])
                    for data in batch
                    if data["user_id"] in users
                )
            results = [{"status": "success"} for _ in batch]
        except Exception as error:
            results = [{"status": "error", "error": str(error)} for _ in batch]
        self._notify_all(batch)
        return results

    def _notify_all(self, batch):
        with ThreadPoolExecutor(max_workers=2) as executor:
            for data in batch:
                executor.submit(self._notify, data)  # executor-waits thread-orm

    def _notify(self, data):
        try:
            customer = Customer.objects.get(id=data["user_id"])
            url = "https://notify.example/v1"
            requests.post(url, json={"email": customer.email})  # http-no-timeout
        except Exception as error:
            logging.error("notification failed: %s", error)
