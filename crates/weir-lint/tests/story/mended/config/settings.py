import os

SECRET_KEY = os.environ["SECRET_KEY"]
INSTALLED_APPS = ["shop"]
ASGI_APPLICATION = "config.asgi.application"
MIDDLEWARE = []

# The role has statement_timeout and idle_in_transaction_session_timeout.
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "shop",
        "HOST": os.environ["DB_HOST"],
        "OPTIONS": {
            "connect_timeout": 10,
            "application_name": "shop-web",
            "pool": {"min_size": 1, "max_size": 4, "timeout": 5},
        },
        "ATOMIC_REQUESTS": False,
    }
}
