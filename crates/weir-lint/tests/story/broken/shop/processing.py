"""The job that kept one transaction open over thousands of HTTP calls."""

from django.db import transaction
from django.db.models import F

from shop.models import Customer, Order


class OrderProcessor:
    def process_bulk_orders(self, order_data_list):
        with transaction.atomic():
            for data in order_data_list:  # atomic-unbounded-loop
                customer = Customer.objects.get(id=data["user_id"])  # loop-query
                pending = Order.objects.filter(
                    user=customer, product_id=data["product_id"], status="pending"
                )
                if pending.exists():  # check-then-write loop-query
                    pending.update(quantity=F("quantity") + 1)  # loop-query
                else:
                    Order.objects.create(user=customer, product_id=data["product_id"])  # loop-query
                self._notify(customer.email, data)  # atomic-network

    def _notify(self, email, data):
        import requests

        requests.post("https://notify.example/v1", json={"email": email}, timeout=30)
