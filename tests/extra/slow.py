"""slowhttptest: heads that never end, bodies that never end, answers that nobody reads. Others are served all along,
and those who dawdle are let go of."""

import json
import socket
import subprocess
import sys
import time

from kit import PATIENCE, WAKEGATE, folder, gateway, get

TIMEOUTS = {"head": "2s", "body": "2s", "write": "2s"}
CONNECTIONS = 300
LENGTH = 1_000_000  # more than a socket takes in
ATTACKS = {
    "heads": ["-H", "-i", "1"],
    "bodies": ["-B", "-i", "1", "-s", "8192"],
    "reads": ["-X", "-w", "10", "-y", "20", "-n", "5", "-z", "10", "-k", "1"],
}


def knows_timeouts():
    schema = subprocess.run([WAKEGATE, "schema"], capture_output=True, text=True, check=True).stdout
    return "timeouts" in json.loads(schema)["properties"]


def attack(name, port, options):
    """Runs one attack, asking all the while. Returns the longest that an answer took."""
    url = f"http://127.0.0.1:{port}/"
    command = ["slowhttptest", "-c", str(CONNECTIONS), "-r", "150", "-l", "8", "-p", "3", "-u", url, *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    slowest = 0
    while process.poll() is None:
        began = time.monotonic()
        get(f"{url}other", timeout=PATIENCE)
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.05)
    assert slowest < 1, f"{name}: an answer took {slowest:.1f} s"
    print(f"ok    slow {name}: others wait {slowest * 1000:.0f} ms at most")


def lets_go(port, sends):
    """Fails unless the gateway ends such a connection within some seconds."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(sends)
        connection.settimeout(10)
        while connection.recv(65536):
            pass


def main():
    if not knows_timeouts():
        print("!!! SKIPPED: this gateway has no `timeouts` yet")
        return
    with folder() as into:
        page = into + "/page.py"
        with open(page, "w") as file:
            file.write(SERVICE)
        config = {
            "listeners": [{}],
            "timeouts": TIMEOUTS,
            "services": {"web": {"process": {"command": [sys.executable, page, str(LENGTH)], "port": 0}}},
            # The service is small, and busy with the attack; the gateway must not be.
            "routes": [{"path": "/other", "respond": {"status": 200}}, {"service": "web"}],
        }
        running, (port,) = gateway(into, config)
        with running:
            get(f"http://127.0.0.1:{port}/")
            for name, options in ATTACKS.items():
                attack(name, port, options)
            lets_go(port, b"GET / HTTP/1.1\r\nhost: a\r\nx-slow: ")
            lets_go(port, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nsome")


SERVICE = """
import http.server, os, sys
class App(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        body = b"x" * int(sys.argv[1])
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), App).serve_forever()
"""

if __name__ == "__main__":
    main()
