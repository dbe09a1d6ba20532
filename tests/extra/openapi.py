"""The admin API of the real binary does what its OpenAPI document says: schemathesis makes requests of it, right and
wrong ones, and looks at every answer."""

import json
import subprocess
import urllib.request
from pathlib import Path

import yaml

from kit import PATIENCE, Gateway, folder, free_ports, get

TOKEN = "a-token-of-some-length"
#: One that wakes and sleeps, and one that never sleeps.
NAMES = ["web", "far"]


def config(admin):
    return {
        "listeners": [{"address": "127.0.0.1:0"}],
        "admin": {"address": f"127.0.0.1:{admin}", "token": TOKEN},
        "services": {
            "web": {"process": {"command": ["sleep", "1000"]}},
            "far": {"upstream": "http://127.0.0.1:1"},
        },
        "routes": [{"service": "far"}],
    }


def schemathesis(directory, gateway, name):
    """Every check there is on every operation but the event stream, which has no end; for a service of this name, or
    for names of any kind."""
    settings = Path(directory) / "schemathesis.toml"
    settings.write_text(f'[parameters]\n"path.name" = "{name}"\n' if name else "")
    command = ["schemathesis", "--config-file", str(settings), "run", f"{gateway.admin}/openapi.json"]
    command += ["--checks", "all", "--exclude-path", "/api/events", "--header", f"Authorization: Bearer {TOKEN}"]
    command += ["--max-examples", "40", "--seed", "7", "--request-timeout", "10", "--no-color"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=4 * PATIENCE, cwd=directory)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    summary = [line.strip() for line in ran.stdout.splitlines() if "generated" in line]
    print(f"names like {name or 'anything'}: {'; '.join(summary)}")


def main():
    [admin] = free_ports(1)
    with folder() as directory:
        file = Path(directory) / "wakegate.yaml"
        file.write_text(yaml.safe_dump(config(admin)))
        with Gateway(file, admin, TOKEN) as gateway:
            assert json.loads(get(f"{gateway.admin}/openapi.json"))["openapi"] == "3.1.0", "without a token"
            for name in [None, *NAMES]:
                schemathesis(directory, gateway, name)
            request = urllib.request.Request(f"{gateway.admin}/api/events", headers=gateway.headers)
            with urllib.request.urlopen(request, timeout=PATIENCE) as events:
                assert events.headers["content-type"] == "text/event-stream", events.headers


main()
