"""The load: wrk and h2load, on the core that the proxy has not, and what they say."""

import re
import tempfile
from dataclasses import dataclass

from . import machine
from .setup import HOST

UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclass
class Done:
    requests: int
    seconds: float
    p99: float | None = None


def wrk(url, connections, seconds, headers=()):
    """Requests over HTTP/1.1 for some seconds; every one has to be answered as it should be."""
    # Of one request alone there are no percentiles.
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-H", f"Host: {HOST}"]
    for header in headers:
        command += ["-H", header]
    said = machine.run([*command, url], machine.LOAD_CORE, seconds + 30)
    requests, took, unit = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m)", said).groups()
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    if bad or (broken and any(map(int, broken.groups()))) or int(requests) == 0:
        raise machine.Trouble(f"not every answer was fine: {said}")
    value, scale = re.search(r"99%\s+([\d.]+)(us|ms|s|m)", said).groups()
    return Done(int(requests), float(took) * UNITS[unit], float(value) * UNITS[scale])


def h2load(port, requests, connections, streams, path="/100", http1=False):
    """A number of requests, over HTTP/2 without TLS, or over HTTP/1.1."""
    command = ["h2load", "-n", requests, "-c", connections, "-m", streams, f"--connect-to=127.0.0.1:{port}"]
    command += ["--h1"] if http1 else []
    said = machine.run([*command, f"http://{HOST}{path}"], machine.LOAD_CORE, 300)
    fine = re.search(r"status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx", said)
    if not fine or int(fine[1]) != requests:
        raise machine.Trouble(f"not every answer was fine: {said}")
    took, unit = re.search(r"finished in ([\d.]+)(us|ms|s|m)", said).groups()
    return Done(requests, float(took) * UNITS[unit])


def paced(port, rate, seconds, connections=8):
    """The 99th of a hundred of the times, in seconds, of requests over HTTP/1.1 that come at a rate."""
    with tempfile.NamedTemporaryFile(prefix="compare-h2load-") as log:
        each = rate / connections
        command = ["h2load", "--h1", "-c", connections, "-n", int(rate * seconds), f"--rps={each:.1f}"]
        command += [f"--log-file={log.name}", f"--connect-to=127.0.0.1:{port}", f"http://{HOST}/100"]
        machine.run(command, machine.LOAD_CORE, seconds + 60)
        # A line each: when it began, its status, how many microseconds it took.
        lines = [line.split() for line in log.read().decode().splitlines()]
    if not lines or any(status != "200" for _, status, _ in lines):
        raise machine.Trouble("not every answer was fine")
    times = sorted(int(took) for _, _, took in lines)
    return times[len(times) * 99 // 100] / 1e6
