"""The warm path: the CPU time of a request to a service that is awake, and what waiting for one answer takes."""

from . import load
from .figures import Figure, Goal, Row

MICRO = 1e6


def cpu(running, work):
    """The CPU time of the proxy, in microseconds, for each request of some work."""
    before = running.cpu()
    done = work()
    return (running.cpu() - before) / done.requests * MICRO


def http1(path="/100", kind="http", headers=(), connections=64):
    """CPU of requests over HTTP/1.1 on that many connections."""

    def measure(bench, proxy):
        with proxy.run(bench, bench.origin.port) as running:
            url = running.url(kind, path)
            load.wrk(url, connections, 1, headers)
            return cpu(running, lambda: load.wrk(url, connections, bench.seconds(3), headers))

    return measure


def http2(bench, proxy):
    """CPU of requests on 8 connections with 16 streams each."""
    with proxy.run(bench, bench.origin.port) as running:
        load.h2load(running.setup.h2c, 5_000, 8, 16)
        return cpu(running, lambda: load.h2load(running.setup.h2c, bench.seconds(90_000), 8, 16))


def latency(bench, proxy):
    """Microseconds from a request to the whole answer, one after the other."""
    with proxy.run(bench, bench.origin.port) as running:
        load.wrk(running.url(), 1, 1)
        done = load.wrk(running.url(), 1, bench.seconds(3))
        return done.seconds / done.requests * MICRO


def one(name, title, goals, measure, needs=("wrk",), **options):
    """A row of one figure."""
    figure = Figure(name, title, "µs", goals)
    return Row(name, (figure,), lambda bench, proxy: {name: measure(bench, proxy)}, needs=needs, **options)


ROWS = [
    one(
        "keepalive",
        "CPU per request, HTTP/1.1 keep-alive, 100 B",
        (Goal(1.00, "nginx"), Goal(1.00, "haproxy")),
        http1(),
    ),
    one("64k", "CPU per request, 64 KiB body", (Goal(0.90, "nginx-large"),), http1("/64k")),
    one("1m", "CPU per request, 1 MiB body", (Goal(0.50, "nginx-large"),), http1("/1m")),
    one(
        "connect",
        "CPU per request, a new connection each",
        (Goal(0.95, "nginx"),),
        http1(headers=["Connection: close"]),
    ),
    one("tls", "CPU per request, TLS 1.3 keep-alive, 100 B", (Goal(0.85, "nginx"),), http1(kind="tls")),
    one(
        "h2",
        "CPU per request, HTTP/2 in front, HTTP/1.1 behind, 8 × 16 streams",
        (Goal(0.60, "nginx"), Goal(1.05, "haproxy")),
        http2,
        needs=("h2load",),
    ),
    one(
        "latency",
        "round trip of one connection in a closed loop",
        (Goal(1.00, "nginx"),),
        latency,
        direct=True,
    ),
]
