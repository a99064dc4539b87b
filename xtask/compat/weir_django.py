"""Settings for Django's own test suite, and a runner that notes the outcome of every test.

From the environment: PGHOST, PGPORT, PGUSER; RESULTS, the file that gets a line for each test.
"""

import json
import os
import unittest

from django.test.runner import DiscoverRunner


def database(name):
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "HOST": os.environ["PGHOST"],
        "PORT": os.environ["PGPORT"],
        "USER": os.environ["PGUSER"],
        # A named cursor outside a transaction needs one server connection for its whole life.
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }


DATABASES = {"default": database("suite"), "other": database("suite_other")}
SECRET_KEY = "for tests"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False
TEST_RUNNER = "weir_django.Runner"


class Result(unittest.TextTestResult):
    def note(self, test, outcome, why=None):
        line = {"id": test.id(), "outcome": outcome, "why": why and str(why[1])[:500]}
        with open(os.environ["RESULTS"], "a") as results:
            results.write(json.dumps(line) + "\n")

    def addSuccess(self, test):
        super().addSuccess(test)
        self.note(test, "passed")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.note(test, "failed", err)

    def addError(self, test, err):
        super().addError(test, err)
        self.note(test, "error", err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.note(test, "skipped")

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self.note(test, "xfailed")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.note(test, "xpassed")

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.note(test, "failed", err)


class Runner(DiscoverRunner):
    def get_resultclass(self):
        return Result
