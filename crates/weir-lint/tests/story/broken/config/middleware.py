"""A middleware that repeats what Django does, and frees nothing."""

import logging

from django.db import connections


class ConnectionCleanup:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        self._cleanup()
        return response

    def _cleanup(self):
        for conn in connections.all():
            try:
                conn.close_if_unusable_or_obsolete()  # connection-cleanup
            except Exception as error:
                logging.warning("cleanup: %s", error)
