"""A gateway whose clock jumps by an hour, as libfaketime has it: the machine's clock alone, forwards and back, and all clocks
together, as where a machine was frozen. Nothing is put to sleep before it was seen to be quiet, and what sleeps still wakes."""

import datetime
import json
import os
import sys
import time
from pathlib import Path

from kit import folder, gateway, get, soon

QUIET = 3  # seconds
SERVICE = """
import http.server, os
class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), App).serve_forever()
"""


def library():
    [found] = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    return str(found)


def told(line):
    """By how many seconds the clock of this line of a log is ahead of ours."""
    at = datetime.datetime.fromisoformat(json.loads(line)["timestamp"].replace("Z", "+00:00"))
    return at.timestamp() - time.time()


def jumps(name, changes, **variables):
    """Wakes the service, and sets the clock by each of the changes in turn."""
    with folder() as into:
        offset = Path(into) / "offset"
        offset.write_text("+0")
        os.environ.update({"LD_PRELOAD": library(), "FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_NO_CACHE": "1"})
        os.environ.update(variables)
        config = {
            "listeners": [{}],
            "defaults": {"idle_after": f"{QUIET}s"},
            "services": {"web": {"process": {"command": [sys.executable, "-c", SERVICE], "port": 0}}},
            "routes": [{"service": "web"}],
        }
        running, (port,) = gateway(into, config)
        with running:
            for change in changes:
                get(f"http://127.0.0.1:{port}/")
                asked = time.monotonic()
                offset.write_text(change)
                soon("it sleeps", lambda: running.phases()["web"] != "awake")
                stayed = time.monotonic() - asked
                assert stayed >= QUIET - 0.2, f"{name}, {change}: put to sleep {stayed:.1f} s after a request"
                running.all_asleep()
                ahead = 3600 * int(change[:2])
                assert abs(told(running.lines[-1]) - ahead) < 60, f"the clock does not jump: {running.lines[-1]}"
            get(f"http://127.0.0.1:{port}/")
        for variable in ["LD_PRELOAD", "FAKETIME_TIMESTAMP_FILE", "FAKETIME_NO_CACHE", *variables]:
            del os.environ[variable]
    print(f"ok    {name}: {len(changes)} jumps, and nothing is asleep that was not seen to be quiet")


def main():
    jumps("the machine's clock", ["+1h", "-1h", "+0"], FAKETIME_DONT_FAKE_MONOTONIC="1")
    jumps("all clocks", ["+1h", "+2h"])


if __name__ == "__main__":
    main()
