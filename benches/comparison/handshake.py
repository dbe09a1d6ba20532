"""Full handshakes of TLS 1.3 with ECDSA on P-256, with a request each."""

from . import crowd
from .figures import Figure, Goal, Row
from .warm import cpu

TITLE = "CPU per full TLS 1.3 handshake, ECDSA P-256, with a request"


def measure(bench, proxy):
    with proxy.run(bench, bench.origin.port) as running:
        crowd.handshakes(bench.crowd, running.setup.tls, 16, 1)
        seconds = bench.seconds(3)
        return {"handshake": cpu(running, lambda: crowd.handshakes(bench.crowd, running.setup.tls, 16, seconds))}


ROWS = [
    Row(
        "handshake",
        (Figure("handshake", TITLE, "µs", (Goal(0.65, "nginx"),)),),
        measure,
        builds=True,
    )
]
