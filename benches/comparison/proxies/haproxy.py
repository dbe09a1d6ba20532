"""HAProxy with one thread and its defaults, connections to the server shared."""

import copy
import socket

from ..setup import CONNECTIONS, HOSTS, RULE
from .proxy import Proxy


class Haproxy(Proxy):
    name = "haproxy"
    program = "haproxy"
    # Of its server, in the row where its queue holds what is held.
    max_in_flight = None

    def holding(self):
        other = copy.copy(self)
        other.max_in_flight = 64
        return other

    def held(self, running, at_origin):
        with socket.socket(socket.AF_UNIX) as stats:
            stats.connect(f"{running.setup.folder}/stats")
            stats.sendall(b"show stat\n")
            lines = stats.makefile().read().splitlines()
        names = lines[0].lstrip("# ").split(",")
        backend = next(dict(zip(names, line.split(","))) for line in lines if line.startswith("origin,BACKEND"))
        return int(backend["qcur"]) + at_origin

    def rules(self, hosts):
        # What a service behind Wakegate is told, and what its route sets.
        random = "%[rand(4294967295),hex]"
        trace = f"{random}{random}{random}{random}"
        return f"""
  option forwardfor
  http-request set-header x-forwarded-proto https if {{ ssl_fc }}
  http-request set-header x-forwarded-proto http if !{{ ssl_fc }}
  http-request set-header x-real-ip %[src]
  http-request set-header x-forwarded-host %[req.hdr(host)]
  http-request set-header x-forwarded-port %[dst_port]
  http-request set-header forwarded for=%[src];host=%[req.hdr(host)];proto=%[req.hdr(x-forwarded-proto)]
  http-request set-header traceparent 00-{trace}-{random}{random}-01
  http-request set-header x-amzn-trace-id Root=1-{trace}
  http-request set-header x-from haproxy
  http-response set-header {RULE[0]} {RULE[1]}
  use_backend %[req.hdr(host),lower,map_str({hosts})]
"""

    def command(self, setup):
        pem = setup.write("both.pem", setup.certificate.read_text() + setup.key.read_text())
        hosts = setup.write("hosts.map", "".join(f"{host} origin\n" for host in HOSTS))
        rules = self.rules(hosts)
        bound = f" maxconn {self.max_in_flight}" if self.max_in_flight else ""
        path = setup.write(
            "haproxy.cfg",
            f"""
global
  nbthread 1
  maxconn {CONNECTIONS}
  stats socket {setup.folder}/stats mode 600 level admin

defaults
  mode http
  no log
  http-reuse always
  timeout connect 5s
  timeout client 75s
  timeout server 10m
  timeout queue 10m
  timeout http-request 15s
  timeout http-keep-alive 75s

frontend front
  bind 127.0.0.1:{setup.http} backlog 4096
  bind 127.0.0.1:{setup.h2c} proto h2 backlog 4096
  bind 127.0.0.1:{setup.tls} ssl crt {pem} alpn h2,http/1.1 backlog 4096
{rules}

backend origin
  server origin 127.0.0.1:{setup.origin}{bound}
""",
        )
        return [self.program, "-db", "-f", path]


class HaproxyBare(Haproxy):
    """That hands on what comes, and knows nothing of hosts and headers."""

    name = "haproxy-bare"

    def rules(self, _):
        return "  default_backend origin"
