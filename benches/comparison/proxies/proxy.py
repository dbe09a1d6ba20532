"""What every proxy here is: a program with a configuration, started on a core of its own."""

import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from .. import install, machine
from ..ask import answers, listens
from ..setup import HOST, Setup


class Proxy:
    """One program. What is its own is in its subclass: the name, the configuration, the processes that do the work."""

    name = None
    program = None
    # The package of PyPI that brings it, where it is none of Debian's.
    wheel = None
    stop_signal = signal.SIGTERM
    # Whether requests wait in it while nobody listens at its upstream.
    holds_itself = False

    def find(self):
        """Where the program is; None where it cannot be had."""
        return install.wheel(self.program, self.wheel) if self.wheel else shutil.which(self.program)

    def command(self, setup):
        """Writes the configuration, and tells how the program is started with it."""
        raise NotImplementedError

    def processes(self, process):
        """Those that do the work, of what `process` is the first of."""
        return [process]

    def callgrind(self, command):
        """The same as one process in the foreground."""
        return command

    def environment(self):
        return None

    def holding(self):
        """The same, set up so that thousands of requests may wait in it or at its upstream."""
        return self

    def fixed(self):
        """The same before an upstream that is always there."""
        return self

    def held(self, running, at_origin):
        """How many requests wait, where so many are at the origin."""
        return at_origin

    def run(self, bench, origin, wrapper=(), wait=True, groups=()):
        """Starts it before an origin, for a `with`: by another program, waiting for an answer, in control groups."""
        return Running(self, bench, origin, wrapper, wait, groups)


class Running:
    """A proxy that runs."""

    def __init__(self, proxy, bench, origin, wrapper, wait, groups):
        self.proxy, self.bench, self.origin = proxy, bench, origin
        self.wrapper, self.wait, self.groups = wrapper, wait, groups
        self.keeper = tempfile.TemporaryDirectory(prefix=f"compare-{proxy.name}-")

    def __enter__(self):
        folder = Path(self.keeper.name)
        http, tls, h2c, admin = machine.ports(4)
        certificate = self.bench.certificate
        self.setup = Setup(folder, self.origin, http, tls, h2c, admin, certificate.chain, certificate.key)
        command = self.proxy.command(self.setup)
        if self.wrapper:
            command = [*self.wrapper, *self.proxy.callgrind(command)]
        self.log = open(folder / "log", "w+")
        self.began = time.monotonic()
        self.process = machine.start(
            command,
            machine.PROXY_CORE,
            self.groups,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            env=self.proxy.environment(),
            cwd=folder,
        )
        try:
            if self.wait:
                self.ready()
        except BaseException:
            self.stop()
            print(self.said()[-2000:])
            self.clean()
            raise
        return self

    def ready(self):
        """Waits until it answers."""

        def look():
            if self.process.poll() is not None:
                raise machine.Trouble(f"{self.proxy.name} ended with {self.process.returncode}")
            return answers(self.setup.http, HOST)

        # Under valgrind it takes its time.
        machine.soon(f"{self.proxy.name} answers", look, 120 if self.wrapper else machine.PATIENCE)

    def __exit__(self, *_):
        self.stop()
        self.clean()

    def stop(self):
        machine.stop(self.process, self.proxy.stop_signal)

    def clean(self):
        self.log.close()
        self.keeper.cleanup()

    def listens(self):
        """Whether connections are taken."""
        if self.process.poll() is not None:
            raise machine.Trouble(f"{self.proxy.name} ended with {self.process.returncode}")
        return listens(self.setup.http)

    def said(self):
        self.log.flush()
        return (Path(self.keeper.name) / "log").read_text(errors="replace")

    def processes(self):
        return self.proxy.processes(self.process.pid)

    def cpu(self):
        return machine.cpu_seconds(self.processes())

    def resident(self):
        return machine.resident(self.processes())

    def url(self, kind="http", path="/100"):
        scheme = "https" if kind == "tls" else "http"
        return f"{scheme}://127.0.0.1:{getattr(self.setup, kind)}{path}"
