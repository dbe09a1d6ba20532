"""The upstream of the warm rows: nginx with answers of a few sizes, on the core of the load."""

import subprocess
import tempfile
from pathlib import Path

from . import machine
from .ask import answers

SIZES = {"/100": 100, "/64k": 64 * 1024, "/1m": 1024 * 1024}


class Origin:
    """To be used in a `with`."""

    def __enter__(self):
        self.keeper = tempfile.TemporaryDirectory(prefix="compare-origin-")
        folder = Path(self.keeper.name)
        [self.port] = machine.ports(1)
        for name, size in SIZES.items():
            (folder / name.lstrip("/")).write_bytes(b"x" * size)
        (folder / "nginx.conf").write_text(
            f"""
daemon off;
user root;
worker_processes 1;
pid nginx.pid;
error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  open_file_cache max=16;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {{
    listen 127.0.0.1:{self.port} backlog=4096;
    root {folder};
    location = /100 {{ return 200 "{"x" * 100}"; }}
    location = /healthz {{ return 200 "ok"; }}
  }}
}}
"""
        )
        self.process = machine.start(
            ["nginx", "-p", folder, "-c", folder / "nginx.conf"], machine.LOAD_CORE, stderr=subprocess.STDOUT
        )
        machine.soon("the origin answers", lambda: answers(self.port, "origin"))
        return self

    def __exit__(self, *_):
        machine.stop(self.process)
        self.keeper.cleanup()
