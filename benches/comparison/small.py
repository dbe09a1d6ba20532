"""What it takes to be there: memory while nothing happens, and the time until the first answer."""

import time

from . import machine
from .ask import answers
from .figures import Figure, Goal, Row
from .setup import HOST


def resident(bench, proxy):
    """Megabytes some seconds after the start, with a hundred hosts and not one request."""
    with proxy.run(bench, bench.origin.port, wait=False) as running:
        machine.soon("it listens", running.listens)
        time.sleep(bench.seconds(6))
        return {"resident": running.resident() / 1e6}


def start(bench, proxy):
    """Milliseconds from the start of the program to a whole answer of the origin."""
    with proxy.fixed().run(bench, bench.origin.port, wait=False) as running:

        def look():
            return answers(running.setup.http, HOST)

        machine.soon(f"{proxy.name} answers", look, pause=0.001)
        return {"start": (time.monotonic() - running.began) * 1e3}


ROWS = [
    Row("resident", (Figure("resident", "resident memory, idle, 100 services", "MB", (Goal(8),)),), resident),
    Row("start", (Figure("start", "start to first answer", "ms", (Goal(50),)),), start),
]
