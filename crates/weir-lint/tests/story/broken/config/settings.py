SECRET_KEY = "only for the example"
INSTALLED_APPS = ["shop"]
ASGI_APPLICATION = "config.asgi.application"
MIDDLEWARE = ["config.middleware.ConnectionCleanup"]

DATABASES = {
    "default": {  # settings-no-statement-timeout settings-connection-budget
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "shop",
        "HOST": "db.example",
        "OPTIONS": {
            "connect_timeout": 10,
            "command_timeout": 30,  # settings-invalid-option
        },
        "CONN_MAX_AGE": 600,  # settings-no-health-check settings-persistent-asgi
    }
}

ATOMIC_REQUESTS = True  # settings-ineffective-key
