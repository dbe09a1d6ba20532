"""How long a held request waits beyond its service's first healthy answer: `cargo bench --bench ready` knows it."""

import re

from . import machine
from .figures import Figure, Goal, Row

LINE = r"healthy answer -> held request at the target\s+([\d.]+)\s+([\d.]+)"


def measure(bench, _):
    said = machine.run([bench.ready, "--bench"], machine.PROXY_CORE, 300)
    p50, p99 = re.search(LINE, said).groups()
    return {"ready-p50": float(p50), "ready-p99": float(p99)}


ROWS = [
    Row(
        "ready",
        (
            Figure("ready-p50", "ready to first held byte at the target, p50 of 200 wakes", "ms", (Goal(2),), 2),
            Figure("ready-p99", "ready to first held byte at the target, p99 of 200 wakes", "ms", (Goal(10),), 2),
        ),
        measure,
        proxies=("wakegate",),
        once=True,
        builds=True,
    )
]
