"""Wakegate with everything on: a hundred services that can sleep, each with its route and header rules, the metrics
and the admin API, the limits and timeouts as they are by default."""

import copy
import json
import signal

from ..ask import fetch
from ..setup import CONNECTIONS, HOST, HOSTS, RULE
from .proxy import Proxy


class Wakegate(Proxy):
    name = "wakegate"
    # As Ctrl-C does it, without the delay that load balancers need.
    stop_signal = signal.SIGINT
    holds_itself = True
    hosts = HOSTS
    # Whether the measured service is an address alone.
    is_fixed = False

    def __init__(self, program):
        self.program = str(program)
        # Keys of the measured service besides those that it needs.
        self.keys = {}

    def but(self, **changed):
        """The same with something else."""
        other = copy.copy(self)
        vars(other).update(changed)
        return other

    def holding(self):
        return self.but(keys={"max_held": CONNECTIONS, "hold_timeout": "10m", "wake_timeout": "10m"})

    def fixed(self):
        return self.but(is_fixed=True)

    def asleep(self, count):
        """With that many services, none of which is awake."""
        return self.but(hosts=[f"shop{number}.example.com" for number in range(count)])

    def held(self, running, _):
        return fetch(running.setup.admin, f"/api/services/{HOST.split('.')[0]}")["held"]

    def command(self, setup):
        return [self.program, "serve", "--config", setup.write("wakegate.json", json.dumps(self.config(setup)))]

    def config(self, setup):
        tls = {"certificate": str(setup.certificate), "key": str(setup.key)}
        names = {host: host.split(".")[0] for host in self.hosts}
        return {
            "listeners": [
                {"address": f"127.0.0.1:{setup.http}"},
                {"address": f"127.0.0.1:{setup.h2c}"},
                {"address": f"127.0.0.1:{setup.tls}", "tls": tls},
            ],
            "admin": {"address": f"127.0.0.1:{setup.admin}"},
            # All clients have one address here.
            "limits": {"connections": CONNECTIONS, "connections_per_client": CONNECTIONS},
            "services": {name: self.service(setup, host == HOST) for host, name in names.items()},
            "routes": [
                {
                    "host": host,
                    "path": "/*",
                    "service": name,
                    "request_headers": {"set": {"x-from": "wakegate"}},
                    "response_headers": {"set": dict([RULE])},
                }
                for host, name in names.items()
            ],
        }

    def service(self, setup, measured):
        """A process that does nothing; the one that is measured stands for the origin, whose port is its own."""
        if measured and self.is_fixed:
            return {"upstream": f"http://127.0.0.1:{setup.origin}"}
        spec = {"process": {"command": ["sleep", "3600"], "port": setup.origin if measured else 0}}
        return spec | {"health": {"path": "/healthz"}} | self.keys if measured else spec
