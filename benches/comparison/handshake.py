"""Full handshakes of TLS 1.3 with ECDSA on P-256, with a request each."""

from . import crowd
from .figures import Figure, Goal, Row
from .warm import cpu


def measure(bench, proxy):
    with proxy.run(bench, bench.origin.port) as running:
        crowd.handshakes(bench.crowd, running.setup.tls, 16, 1)
        work = lambda: crowd.handshakes(bench.crowd, running.setup.tls, 16, bench.seconds(3))  # noqa: E731
        return {"handshake": cpu(running, work)}


ROWS = [
    Row(
        "handshake",
        (Figure("handshake", "CPU per full TLS 1.3 handshake, ECDSA P-256, with a request", "µs", (Goal(0.65, "nginx"),)),),
        measure,
        builds=True,
    )
]
