"""Requests that wait, and connections that do nothing: what they take of memory, and how fast they are let go."""

import json
import time

from . import crowd, machine
from .figures import Figure, Goal, Row

COUNT = 9_300
KIB = 1024


def hold(bench, proxy):
    """All are held, and let go."""
    [port] = machine.ports(1)
    count = bench.seconds(COUNT)
    # Wakegate holds them before there is anybody to send them to, the others need somebody who takes them.
    late = proxy.holds_itself
    with crowd.hold(bench.crowd, port, late, count) as people:
        people.wait_for("ready")
        with proxy.holding().run(bench, port, wait=not late) as running:
            machine.soon("it listens", running.listens)
            # What starts a thread or fills a pool once is not a request's.
            time.sleep(1)
            idle = running.resident()
            people.order(f"begin {running.setup.http}")
            people.wait_for("sent")

            def held():
                people.order("held")
                return proxy.held(running, int(people.wait_for("held").split()[1])) >= count

            machine.soon(f"{count} are held", held, pause=0.2)
            time.sleep(2)
            full = running.resident()
            people.order("go")
            end = json.loads(people.wait_for("{"))
    errors = count - end["ends"].get("200", 0)
    if errors:
        print(f"{proxy.name}: {end['ends']}")
    return {"held": (full - idle) / count / KIB, "release": end["milliseconds"], "release-errors": errors}


def idle(bench, proxy):
    """All have had an answer, and say nothing more."""
    count = bench.seconds(COUNT)
    with proxy.run(bench, bench.origin.port) as running:
        time.sleep(1)
        before = running.resident()
        with crowd.idle(bench.crowd, running.setup.http, count) as people:
            people.wait_for("open")
            time.sleep(5)
            return {"idle-connection": (running.resident() - before) / count / KIB}


ROWS = [
    Row(
        "held",
        (
            Figure("held", "memory per held request, HTTP/1.1", "KiB", (Goal(4), Goal(2)), 2),
            Figure(
                "release",
                "9,300 held requests, ready to last answer",
                "ms",
                (Goal(1.00, "haproxy"), Goal(0.75, "haproxy")),
                0,
            ),
            Figure("release-errors", "held requests not answered with 200", "", (Goal(0),), 0),
        ),
        hold,
        builds=True,
    ),
    Row(
        "idle-connection",
        (Figure("idle-connection", "memory per idle keep-alive connection", "KiB", (Goal(2.5),), 2),),
        idle,
        builds=True,
    ),
]
