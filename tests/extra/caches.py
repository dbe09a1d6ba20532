"""nginx and Varnish as caches in front of a gateway, each told to keep whatever it may: neither the waiting page nor a
problem is there any more once the application is."""

import http.client
import json
import subprocess
import sys
from pathlib import Path

from kit import Gateway, folder, free_ports, soon

APPLICATION = """
import http.server, os, sys, time
while not os.path.exists(sys.argv[1]):
    time.sleep(0.02)
class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"the application"
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), App).serve_forever()
"""

NGINX = """
daemon off;
pid {into}/nginx.pid;
error_log {into}/nginx.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {into}/body; fastcgi_temp_path {into}/fastcgi; uwsgi_temp_path {into}/uwsgi;
    scgi_temp_path {into}/scgi; proxy_temp_path {into}/proxy;
    proxy_cache_path {into}/cache keys_zone=all:1m;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{gateway};
            proxy_set_header Host $host;
            proxy_http_version 1.1;
            proxy_cache all;
            proxy_cache_valid any 10m;
            proxy_cache_use_stale error timeout updating http_500 http_502 http_503 http_504;
            proxy_cache_background_update on;
        }}
    }}
}}
"""

VARNISH = """
vcl 4.1;
backend default {{ .host = "127.0.0.1"; .port = "{gateway}"; .first_byte_timeout = 60s; }}
sub vcl_backend_response {{
    set beresp.grace = 1h;
    if (beresp.http.cache-control !~ "no-store|private|no-cache") {{ set beresp.ttl = 10m; return (deliver); }}
}}
"""

BROWSER = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def nginx(into, port, gateway):
    path = into / "nginx.conf"
    path.write_text(NGINX.format(into=into, port=port, gateway=gateway))
    return ["nginx", "-p", str(into), "-e", str(into / "nginx.log"), "-c", str(path)]


def varnish(into, port, gateway):
    path = into / "default.vcl"
    path.write_text(VARNISH.format(gateway=gateway))
    return ["varnishd", "-F", "-j", "none", "-n", str(into / "varnish"), "-a", f"127.0.0.1:{port}", "-t", "600",
            "-s", "malloc,16m", "-f", str(path)]


def ask(port, path, headers, whole=True):
    """The status and the beginning of the body, or all of it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers={"Host": "shop.example", **headers})
        answer = connection.getresponse()
        return answer.status, (answer.read() if whole else answer.read1(4096)).decode()
    finally:
        connection.close()


def answers(port):
    try:
        return ask(port, "/nothing", {})
    except OSError:
        return None


def stays_away(name, cache):
    """What a visitor and a program get through the cache, before and after the wake."""
    with folder() as temporary:
        into = Path(temporary)
        into.chmod(0o755)
        port, front, admin = free_ports(3)
        boot = into / "boot"
        config = into / "wakegate.json"
        config.write_text(json.dumps({
            "listeners": [{"address": f"127.0.0.1:{front}"}],
            "admin": {"address": f"127.0.0.1:{admin}"},
            "defaults": {"page_after": "10ms", "hold_timeout": "200ms"},
            "services": {"web": {"process": {"command": [sys.executable, "-c", APPLICATION, str(boot)], "port": 0}}},
            "routes": [{"path": "/app/*", "service": "web"}],
        }))
        with Gateway(config, admin) as gateway:
            process = subprocess.Popen(cache(into, port, front), stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
            try:
                soon(f"{name} answers", lambda: answers(port))
                for _ in range(2):
                    status, body = ask(port, "/app/page", BROWSER, whole=False)
                    assert status == 503 and "<html" in body, (name, status, body)
                    status, body = ask(port, "/app/api", {})
                    assert status == 503 and "hold_timeout" in body, (name, status, body)
                    status, body = ask(port, "/else", {})
                    assert status == 404 and "no_route" in body, (name, status, body)
                boot.touch()
                soon("the service is awake", lambda: gateway.phases()["web"] == "awake")
                for path, headers in [("/app/page", BROWSER), ("/app/api", {}), ("/app/page", {})]:
                    got = ask(port, path, headers)
                    assert got == (200, "the application"), (name, path, got)
            finally:
                process.terminate()
                process.wait(20)
    print(f"ok    {name} keeps nothing of the gateway's own")


def main():
    for name, cache in [("nginx", nginx), ("Varnish", varnish)]:
        stays_away(name, cache)


if __name__ == "__main__":
    main()
