"""What is done with a quarter of a core and 512 MB, as the smallest task of ECS has them."""

import time

from . import cgroup, crowd, load, machine
from .figures import Figure, Row
from .setup import CONNECTIONS, HOST

CORES = 0.25
MEMORY = 512 * 1024 * 1024


def pace(bench, proxy):
    """As many requests as it can, and how long one takes where half as many come."""
    with cgroup.bounded(CORES, MEMORY) as groups, proxy.run(bench, bench.origin.port, groups=groups) as running:
        load.wrk(running.url(), 64, 1)
        most = load.wrk(running.url(), 64, bench.seconds(6))
        rate = most.requests / most.seconds
        half = load.paced(running.setup.http, rate / 2, bench.seconds(6))
    return {"quota-rate": rate, "quota-p99": most.p99 * 1e3, "quota-half-p99": half * 1e3}


def held(bench, proxy):
    """As many requests as it holds, where its configuration allows more than the system does."""
    with cgroup.bounded(CORES, MEMORY) as groups:
        [port] = machine.ports(1)
        # Nobody listens at the origin's port.
        with proxy.holding().run(bench, port, wait=False, groups=groups) as running:
            machine.soon("it listens", running.listens)
            time.sleep(1)
            said = crowd.until(bench.crowd, running.setup.http, HOST, 2 * CONNECTIONS)
            if running.process.poll() is not None:
                raise machine.Trouble(f"it has ended with {running.process.returncode} at {said}")
            print(f"{proxy.name}: {said}")
            return {"quota-held": said["held"], "quota-resident": running.resident() / 1e6}


ROWS = [
    Row(
        "quota",
        (
            Figure("quota-rate", "0.25 core, 512 MB: requests a second, 100 B keep-alive", "1/s", digits=0),
            Figure("quota-p99", "0.25 core, 512 MB: p99 at that rate, 64 at once", "ms", digits=1),
            Figure("quota-half-p99", "0.25 core, 512 MB: p99 at half that rate", "ms", digits=1),
        ),
        pace,
        proxies=("wakegate", "nginx", "haproxy"),
        needs=("wrk", "h2load"),
    ),
    Row(
        "quota-held",
        (
            Figure("quota-held", "0.25 core, 512 MB: held requests before it says 503", "", digits=0),
            Figure("quota-resident", "0.25 core, 512 MB: resident memory with them", "MB", digits=1),
        ),
        held,
        proxies=("wakegate",),
        once=True,
        builds=True,
    ),
]
