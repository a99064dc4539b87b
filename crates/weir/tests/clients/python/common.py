"""What the client programs share: many clients at once, and a look at which server they met.

The address is in libpq's environment variables (PGHOST, PGPORT, PGUSER, PGDATABASE), which every
driver used here reads. SERVERS is the proxy's pool size, absent when there is no pool.
"""

import os
from concurrent.futures import ThreadPoolExecutor

CLIENTS = 8
ROUNDS = 12
ZONES = ["UTC", "Asia/Tokyo", "Europe/Paris", "America/Lima"]


def zone(client):
    """A time zone for each client, so that neighbours differ."""
    return ZONES[client % len(ZONES)]


def together(work):
    """Runs work(0) .. work(CLIENTS - 1) at the same time; the first failure is raised."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        return [done.result() for done in [pool.submit(work, n) for n in range(CLIENTS)]]


def check_servers(seen):
    """seen: for each client, the backend's process id in each of its transactions.

    Behind the rotating pool some client must have met several servers, and all of them no more
    than the pool has. Without that the other checks would prove little. (Not every client: one
    that always waits gets what is released next, which may always be the same.)
    """
    servers = os.environ.get("SERVERS")
    if servers is None:
        return
    everyone = set().union(*seen)
    assert len(everyone) <= int(servers), f"{len(everyone)} servers for a pool of {servers}"
    assert any(len(set(pids)) > 1 for pids in seen), f"every client stayed on its server: {seen}"


def same(found, expected):
    """Equality with a message that shows both sides."""
    assert found == expected, f"found {found!r}, expected {expected!r}"
