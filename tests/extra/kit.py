"""What the tests here share: a running gateway, its log, its admin API. WAKEGATE names the binary."""

import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WAKEGATE = os.environ.get("WAKEGATE", str(ROOT / "target/debug/wakegate"))
PATIENCE = 30  # seconds, for whatever is waited for


def free_ports(count):
    """Ports that are free now, each another."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def soon(what, look):
    """The first true answer of `look`, which has to come within PATIENCE."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {PATIENCE} s")


def get(url, timeout=PATIENCE, **headers):
    """The body of a GET; raises on any status that is not a success."""
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return answer.read().decode()


class Gateway:
    """A gateway with its configuration, to be used in a `with`. Its end is part of what is tested: exit code 0."""

    def __init__(self, config, admin, token=None):
        self.config, self.admin = str(config), f"http://127.0.0.1:{admin}"
        self.headers = {"authorization": f"Bearer {token}"} if token else {}
        self.lines = []

    def __enter__(self):
        command = [WAKEGATE, "serve", "--config", self.config]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        try:
            soon("the gateway has looked at every service", self._started)
        except BaseException:
            self.process.kill()
            print("".join(self.lines))
            raise
        return self

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line)

    def _started(self):
        assert self.process.poll() is None, f"the gateway ended: {self.lines}"
        try:
            phases = self.phases()
        except OSError:
            return False
        return "unknown" not in phases.values()

    def __exit__(self, kind, *_):
        # As Ctrl-C does it: without the delay that load balancers need.
        self.process.send_signal(signal.SIGINT)
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self.reader.join(PATIENCE)
        if kind is not None:
            print("".join(self.lines))
        else:
            assert code == 0, f"a drained SIGINT ends with 0, not {code}"

    def services(self):
        """Every service's status, by its name."""
        return {one["name"]: one for one in json.loads(get(f"{self.admin}/api/services", **self.headers))["services"]}

    def phases(self):
        return {name: one["phase"] for name, one in self.services().items()}

    def all_asleep(self):
        soon("everything sleeps", lambda: set(self.phases().values()) == {"asleep"})

    def changes(self):
        """The phase changes so far, as (service, phase), in their order; from the log, which is JSON in a pipe."""
        log = [json.loads(line) for line in list(self.lines)]
        return [(one["service"], one["to"]) for one in log if "from" in one and "to" in one]

    def ask(self, *words):
        """Runs `wakegate WORDS` against this gateway's admin API."""
        command = [WAKEGATE, *words, "--admin", self.admin]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)


def gateway(into, config):
    """A gateway of this configuration, which has listeners without addresses; they get theirs here, as the admin API
    does. Comes with the ports of its listeners."""
    *ports, admin = free_ports(len(config["listeners"]) + 1)
    for listener, port in zip(config["listeners"], ports):
        listener["address"] = f"127.0.0.1:{port}"
    config["admin"] = {"address": f"127.0.0.1:{admin}"}
    path = Path(into) / "wakegate.json"
    path.write_text(json.dumps(config))
    return Gateway(path, admin), ports


def certificate(into, name):
    """A self-signed certificate for a name, as `tls` of a listener has it."""
    chain, key = (str(Path(into) / f"{name}.{end}") for end in ("pem", "key"))
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
               "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    subprocess.run([*command, "-keyout", key, "-out", chain], check=True, capture_output=True)
    return {"certificate": chain, "key": key}


def folder():
    return tempfile.TemporaryDirectory(prefix="wakegate-")
