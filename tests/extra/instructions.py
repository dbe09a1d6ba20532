#!/usr/bin/env python3
"""How many instructions a request to an awake service costs in user space, counted by callgrind: with 100 routes,
header rules, metrics and timeouts, over one connection that is kept. The count does not depend on how busy the machine
is, so a change that costs shows here without a clock.

WAKEGATE names the binary, as a release or not; `--print` counts and compares with nothing."""

import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from kit import PATIENCE, WAKEGATE, free_ports

# The one place for it: instructions a request, by how the binary was built. Lower it with what lowers the count.
COUNTS = {"release": 45_000, "debug": 74_700}
TOLERANCE = 0.04
REQUESTS = 1000
ROUTES = 100

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 100\r\n\r\n" + b"x" * 100
REQUEST = (
    f"GET /carts/7?page=2 HTTP/1.1\r\nhost: env-{ROUTES - 1}.example.com\r\n"
    "user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0\r\naccept: */*\r\n\r\n"
).encode()


def serve(listener):
    """Answers whatever comes on each connection."""

    def answer(stream):
        while stream.recv(65536):
            stream.sendall(ANSWER)

    while True:
        stream, _ = listener.accept()
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=answer, args=(stream,), daemon=True).start()


def configuration(port, upstream):
    routes = "".join(
        f"  - {{ host: env-{route}.example.com, path: /*, service: web,\n"
        f"      request_headers: {{ set: {{ x-environment: env-{route} }}, remove: [x-debug] }},\n"
        f"      response_headers: {{ set: {{ x-served-by: wakegate }}, remove: [x-powered-by] }} }}\n"
        for route in range(ROUTES)
    )
    return (
        f"listeners: [{{ address: '127.0.0.1:{port}' }}]\n"
        f"services: {{ web: {{ upstream: 'http://127.0.0.1:{upstream}' }} }}\nroutes:\n{routes}"
    )


def connect(port):
    """Under valgrind it takes its time to start."""
    end = time.monotonic() + 4 * PATIENCE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        except OSError:
            assert time.monotonic() < end, "the gateway does not listen"
            time.sleep(0.1)


def ask(stream):
    stream.sendall(REQUEST)
    answer = b""
    while not answer.endswith(b"x" * 100):
        piece = stream.recv(65536)
        assert piece, answer
        answer += piece
    assert answer.startswith(b"HTTP/1.1 200"), answer


def counted(config, port, requests):
    """All instructions of a gateway that answers so many requests, from its start to its end."""
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    gateway = subprocess.Popen(
        [*valgrind, WAKEGATE, "--config", config, "serve"], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )
    try:
        with connect(port) as stream:
            for _ in range(requests):
                ask(stream)
        gateway.send_signal(signal.SIGINT)
        _, said = gateway.communicate(timeout=2 * PATIENCE)
    finally:
        gateway.kill()
    assert gateway.returncode == 0, said
    return int(re.search(r"Collected : (\d+)", said)[1])


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory, "wakegate.yaml")
        config.write_text(configuration(port, listener.getsockname()[1]))
        # Twice as many less as many: what start and end cost is in both.
        fewer, more = (counted(config, port, requests) for requests in (REQUESTS, 2 * REQUESTS))
    each = (more - fewer) / REQUESTS
    print(f"{each:,.0f} instructions a request")
    if "--print" in sys.argv:
        return
    expected = COUNTS["release" if "release" in Path(WAKEGATE).parts else "debug"]
    assert abs(each - expected) <= TOLERANCE * expected, f"not {expected:,} within {TOLERANCE:.0%}"


if __name__ == "__main__":
    main()
