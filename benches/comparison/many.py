"""What ten thousand services cost while nothing happens."""

import time

from . import machine
from .figures import Figure, Row

SERVICES = 10_000


def measure(bench, proxy):
    with proxy.asleep(SERVICES).run(bench, bench.origin.port, wait=False) as running:
        machine.soon("it listens", running.listens)
        # What a start brings with it is over by then.
        time.sleep(10)
        seconds = bench.seconds(20)
        before = running.cpu()
        time.sleep(seconds)
        return {"many": (running.cpu() - before) / seconds * 1e3, "many-resident": running.resident() / 1e6}


ROWS = [
    Row(
        "many",
        (
            Figure("many", "10,000 services asleep: CPU a second", "ms", digits=3),
            Figure("many-resident", "10,000 services asleep: resident memory", "MB"),
        ),
        measure,
        proxies=("wakegate",),
    )
]
