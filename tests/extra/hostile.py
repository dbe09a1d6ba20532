"""A gateway whose page is configured as hostile as it may be, and whose programs say hostile things, with a browser
that visits it: tests/browser/hostile.mjs."""

import json
import os
import subprocess
import sys
from pathlib import Path

from kit import ROOT, Gateway, folder, free_ports

HOSTILE = "</title></style><script>alert(1)</script>\"'><svg onload=alert(1)>"
SPEAKS = f"import sys; sys.stderr.write({HOSTILE!r} + chr(10)); sys.exit(3)"


def config(front, admin):
    """A service that never gets ready, one that dies, and a path where nothing is."""
    sleeps = [sys.executable, "-c", "import time; time.sleep(3600)"]
    fails = [sys.executable, "-c", SPEAKS]
    return json.dumps({
        "listeners": [{"address": f"127.0.0.1:{front}"}],
        "admin": {"address": f"127.0.0.1:{admin}"},
        "defaults": {"page_after": "1ms"},
        "page": {"name": HOSTILE, "text": HOSTILE, "detail": "services", "logo": f"data:image/svg+xml,{HOSTILE}"},
        "services": {
            "onload.alert-1": {"process": {"command": sleeps, "port": 0}},
            "onerror.alert_1": {"process": {"command": fails, "port": 0}},
        },
        "routes": [
            {"path": "/asleep/*", "service": "onload.alert-1"},
            {"path": "/failing/*", "service": "onerror.alert_1"},
        ],
    })


def main():
    with folder() as into:
        front, admin = free_ports(2)
        path = Path(into) / "wakegate.json"
        path.write_text(config(front, admin))
        with Gateway(path, admin):
            ours = {"WAKEGATE_URL": f"http://127.0.0.1:{front}/"}
            command = ["node", str(ROOT / "tests/browser/hostile.mjs")]
            code = subprocess.run(command, env={**os.environ, **ours}).returncode
    sys.exit(code)


if __name__ == "__main__":
    main()
