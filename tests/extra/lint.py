"""What httplint says of the gateway's own answers: nothing bad, and nothing to be warned of."""

import socket
import subprocess

from kit import PATIENCE, folder, gateway

CONFIG = {
    "listeners": [{}],
    "defaults": {"page_after": "10ms", "hold_timeout": "100ms"},
    "services": {"web": {"process": {"command": ["sleep", "3600"], "port": 0}}},
    "routes": [
        {"path": "/web/*", "service": "web"},
        {"path": "/moved/*", "redirect": {"to": "https://new.example{path}", "status": 308}},
    ],
}
NAVIGATES = "accept: text/html\r\nsec-fetch-mode: navigate\r\n"
# Request line and headers, and the status to come.
REQUESTS = [
    ("GET /web/", NAVIGATES, 503),
    ("GET /web/", "", 503),
    ("GET /nothing", "", 404),
    ("TRACE /web/", "", 405),
    ("GET /web/", "host: another.example\r\n", 400),
    ("GET /moved/x", "", 308),
]


def answer(port, line, headers):
    """A whole answer; of the page, which stays open, the head and an end made here."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        request = f"{line} HTTP/1.1\r\nhost: shop.example\r\n{headers}connection: close\r\n\r\n"
        connection.sendall(request.encode())
        said = b""
        while more := connection.recv(65536):
            said += more
            head, ended, _ = said.partition(b"\r\n\r\n")
            if ended and b"transfer-encoding: chunked" in head:
                return head + b"\r\n\r\n0\r\n\r\n"
    return said


def main():
    with folder() as into:
        running, (port,) = gateway(into, CONFIG)
        with running:
            for line, headers, status in REQUESTS:
                said = answer(port, line, headers)
                assert said.startswith(f"HTTP/1.1 {status} ".encode()), (line, headers, said)
                notes = subprocess.run(["httplint", "--now"], input=said, capture_output=True, check=True).stdout.decode()
                # What 400 always means.
                notes = notes.replace("* [WARN] The server didn't understand the request.", "")
                assert "* [" in notes and "[BAD]" not in notes and "[WARN]" not in notes, f"{said.decode()}\n{notes}"
    print(f"ok    httplint of {len(REQUESTS)} answers")


if __name__ == "__main__":
    main()
