"""The load that benches/crowd makes, and talking with it."""

import json
import re
import select
import subprocess
import time

from . import machine
from .load import Done
from .setup import HOST


class Crowd:
    """A program that takes orders, for a `with`."""

    def __init__(self, program, *words):
        self.command = [program, *words]

    def __enter__(self):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self.process = machine.start(self.command, machine.LOAD_CORE, text=True, bufsize=1, **pipes)
        return self

    def __exit__(self, *_):
        machine.stop(self.process)

    def order(self, words):
        self.process.stdin.write(f"{words}\n")

    def hear(self, limit=60):
        """The next line. It says one a time, so that none is left in between."""
        if not select.select([self.process.stdout], [], [], limit)[0]:
            raise machine.Trouble(f"the crowd says nothing for {limit} s")
        line = self.process.stdout.readline().strip()
        if not line:
            raise machine.Trouble("the crowd has ended")
        return line

    def wait_for(self, what, limit=60):
        line = self.hear(limit)
        if not line.startswith(what):
            end = time.monotonic() + 1
            while time.monotonic() < end and self.process.poll() is None:
                time.sleep(0.02)
            raise machine.Trouble(f"the crowd says {line!r} and not {what!r}")
        return line


def hold(program, port, late, count):
    return Crowd(program, "hold", port, "late" if late else "held", HOST, count)


def idle(program, port, count):
    return Crowd(program, "idle", port, HOST, count)


def until(program, port, host, count):
    said = machine.run([program, "until", port, host, count], machine.LOAD_CORE, 300)
    return json.loads(said)


def handshakes(program, port, connections, seconds):
    said = machine.run([program, "handshakes", port, HOST, connections, seconds], machine.LOAD_CORE, seconds + 30)
    return Done(int(re.search(r"(\d+) handshakes", said)[1]), seconds)
