"""nginx, tuned as its documentation has it: a pool of kept connections to the upstream, no access log."""

from ..machine import children
from ..setup import HOST, HOSTS, RULE
from .proxy import Proxy

# Large enough for a body of 1 MiB, so that nothing waits for the client or goes to a file.
LARGE = """
  proxy_buffer_size 64k;
  proxy_buffers 16 64k;
  proxy_busy_buffers_size 512k;
"""

# What a service behind Wakegate is told, and what its route sets.
HEADERS = """
  proxy_set_header Host $http_host;
  proxy_set_header X-Real-IP $remote_addr;
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header X-Forwarded-Host $http_host;
  proxy_set_header X-Forwarded-Port $server_port;
  proxy_set_header Forwarded "for=$remote_addr;host=$http_host;proto=$scheme";
  proxy_set_header traceparent "00-$request_id-00f067aa0ba902b7-01";
  proxy_set_header X-Amzn-Trace-Id "Root=1-$request_id";
  proxy_set_header x-from nginx;
"""


class Nginx(Proxy):
    name = "nginx"
    program = "nginx"
    buffers = ""
    hosts = HOSTS
    headers = HEADERS
    rule = f"add_header {RULE[0]} {RULE[1]};"

    def command(self, setup):
        plain = "".join(self.server(setup, host, not at) for at, host in enumerate(self.hosts))
        path = setup.write(
            "nginx.conf",
            f"""
daemon off;
user root;
worker_processes 1;
worker_rlimit_nofile 20000;
pid nginx.pid;
error_log stderr crit;
events {{ worker_connections 19900; }}
http {{
  access_log off;
  server_tokens off;
  server_names_hash_bucket_size 128;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  keepalive_timeout 75s;
  keepalive_requests 1000000000;
  proxy_http_version 1.1;
  proxy_read_timeout 10m;
  proxy_set_header Connection "";
{self.headers}
{self.buffers}
  upstream origin {{
    server 127.0.0.1:{setup.origin};
    keepalive 256;
    keepalive_requests 1000000000;
    keepalive_timeout 75s;
  }}
{plain}
  # One for all names: each server would load the certificate again.
  server {{
    server_name {" ".join(self.hosts)};
    listen 127.0.0.1:{setup.tls} ssl http2 backlog=4096;
    ssl_certificate {setup.certificate};
    ssl_certificate_key {setup.key};
    ssl_protocols TLSv1.2 TLSv1.3;
    {self.rule} location / {{ proxy_pass http://origin; }}
  }}
}}
""",
        )
        return [self.program, "-p", setup.folder, "-c", path]

    def server(self, setup, host, first):
        """A virtual host, one of a hundred."""
        backlog = " backlog=4096" if first else ""
        return f"""
  server {{
    server_name {host};
    listen 127.0.0.1:{setup.http}{backlog};
    listen 127.0.0.1:{setup.h2c} http2{backlog};
    {self.rule} location / {{ proxy_pass http://origin; }}
  }}
"""

    def processes(self, process):
        # The master, which does nothing meanwhile, is left out.
        return children(process)

    def callgrind(self, command):
        return [*command, "-g", "master_process off;"]


class NginxLarge(Nginx):
    """With buffers for large answers."""

    name = "nginx-large"
    buffers = LARGE


class NginxBare(Nginx):
    """That hands on what comes, and knows nothing of hosts and headers."""

    name = "nginx-bare"
    hosts = (HOST,)
    headers = rule = ""
