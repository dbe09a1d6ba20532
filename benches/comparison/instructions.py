"""User instructions of a request, as callgrind counts them. They repeat where a clock does not."""

import re

from . import load
from .figures import Figure, Goal, Row

NAME = "instructions"
TITLE = "user instructions per request (callgrind), 100 B keep-alive"


def collected(bench, proxy, requests):
    """All the instructions from start to end of a proxy that answers that many requests."""
    out = f"{bench.profiles}/callgrind.out.{proxy.name}.{requests}" if bench.profiles else "/dev/null"
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--trace-children=no"]
    with proxy.run(bench, bench.origin.port, valgrind) as running:
        # Always as many on their way as can be, so that what a turn of the proxy's loop costs is shared by as many.
        load.h2load(running.setup.http, requests, 64, 1, http1=True)
        running.stop()
        return int(re.search(r"Collected : (\d+)", running.said())[1])


def measure(bench, proxy):
    # Twice as many less as many: what comes before the first request and after the last is in both.
    requests = 10_000
    difference = collected(bench, proxy, 2 * requests) - collected(bench, proxy, requests)
    return {NAME: difference / requests}


ROWS = [
    Row(
        NAME,
        (Figure(NAME, TITLE, "", (Goal(24_000),), 0),),
        measure,
        # A compiler that makes code as it runs, or signals for its threads, are not for valgrind.
        proxies=("wakegate", "nginx", "haproxy", "nginx-bare", "haproxy-bare", "hyper-bare"),
        once=True,
        needs=("valgrind", "h2load"),
    )
]
