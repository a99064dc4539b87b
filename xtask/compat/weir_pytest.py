"""A pytest plugin that notes the outcome of every test in the file RESULTS."""

import json
import os


def outcome(report):
    """The outcome that this phase of a test settles, if it does."""
    if report.failed:
        return "failed" if report.when == "call" else "error"
    if report.skipped:
        return "xfailed" if hasattr(report, "wasxfail") else "skipped"
    if report.when == "call":
        return "xpassed" if hasattr(report, "wasxfail") else "passed"
    return None


def pytest_runtest_logreport(report):
    settled = outcome(report)
    if settled is not None:
        why = str(getattr(report.longrepr, "reprcrash", "") or "")[:500] if report.failed else None
        line = {"id": report.nodeid, "outcome": settled, "why": why}
        with open(os.environ["RESULTS"], "a") as results:
            results.write(json.dumps(line) + "\n")
