"""examples/stack from end to end: lighttpd, uvicorn and Redis, woken through HTTP and through a WebSocket.

Runs a copy of the example that differs in its ports, so as not to depend on who else uses them, and in its
`idle_after`.
"""

import shutil
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from websockets.sync.client import connect

from kit import PATIENCE, ROOT, Gateway, folder, free_ports, get, soon


def copy(into):
    """The example, with ports of its own: the folder, the gateway's port, the admin API's, all others."""
    target = Path(into) / "stack"
    shutil.copytree(ROOT / "examples/stack", target, ignore=shutil.ignore_patterns("visits.rdb", "__pycache__"))
    config = target / "wakegate.yaml"
    text = config.read_text()
    front, admin, *others = free_ports(4)
    ports = zip(("8080", "9900", "8091", "6390"), map(str, (front, admin, *others)))
    for old, new in [("idle_after: 20s", "idle_after: 2s"), *ports]:
        assert old in text, f"the example has no {old}"
        text = text.replace(old, new)
    config.write_text(text)
    return config, front, admin, others


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except ConnectionRefusedError:
        return False


def websocket_wakes(gateway, front):
    assert set(gateway.phases().values()) == {"asleep"}, gateway.phases()
    with connect(f"ws://127.0.0.1:{front}/live", open_timeout=PATIENCE) as live:
        assert live.recv(PATIENCE) == "0"
        live.send("hello")
        assert live.recv(PATIENCE) == "you said hello"
        assert gateway.phases() == {"site": "asleep", "app": "awake", "cache": "awake"}, "only what is needed wakes"

        assert get(f"http://127.0.0.1:{front}/api/visits") == "1"
        assert live.recv(PATIENCE) == "1", "the news comes while the socket is open"
        assert "The stack is awake" in get(f"http://127.0.0.1:{front}/")
        assert set(gateway.phases().values()) == {"awake"}

        # Well past `idle_after` the site sleeps, and the open socket keeps what is behind it awake.
        soon("the site sleeps", lambda: gateway.phases()["site"] == "asleep")
        refused = gateway.ask("sleep", "app")
        assert refused.returncode != 0 and "serving" in refused.stderr, refused
        live.send("still there?")
        assert live.recv(PATIENCE) == "you said still there?"


def sleeps_dependents_first(gateway):
    gateway.all_asleep()
    stops = [name for name, phase in gateway.changes() if phase == "stopping"]
    assert stops[-2:] == ["app", "cache"] and stops[0] == "site", stops
    changes = gateway.changes()
    last = {change: index for index, change in enumerate(changes)}
    assert last["app", "asleep"] < last["cache", "stopping"], changes


def many_wait_and_none_is_lost(gateway, front):
    """A second wake: the count goes on where it was, and each of those who waited got its own number."""
    def visit(_):
        return int(get(f"http://127.0.0.1:{front}/api/visits"))

    with ThreadPoolExecutor(20) as visitors:
        numbers = sorted(visitors.map(visit, range(20)))
    assert numbers == list(range(2, 22)), numbers


def http2_serves(front):
    command = ["curl", "-sS", "--http2-prior-knowledge", "-w", "\n%{http_version} %{http_code}",
               f"http://127.0.0.1:{front}/api/visits"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert answer.stdout == "22\n2 200", answer


def main():
    with folder() as into:
        config, front, admin, others = copy(into)
        with Gateway(config, admin) as gateway:
            websocket_wakes(gateway, front)
            sleeps_dependents_first(gateway)
            many_wait_and_none_is_lost(gateway, front)
            http2_serves(front)
        assert not any(map(listens, [front, admin, *others])), "no child outlives the gateway"


main()
print("the stack wakes through HTTP and WebSocket, and sleeps dependents first")
