"""gRPC through the gateway, by the client and the server that people use: unary, both ways at once, and failures."""

import json
import queue
import sys
from pathlib import Path

import grpc

from kit import PATIENCE, Gateway, folder, free_ports, soon

HERE = Path(__file__).resolve().parent


def config(front, admin):
    """JSON is YAML too."""
    talk = {"process": {"command": [sys.executable, str(HERE / "grpc_server.py")], "port": 0},
            "protocol": "h2", "health": {"tcp": True}, "idle_after": "1s"}
    broken = {"process": {"command": ["no-such-program-anywhere"], "port": 0}, "protocol": "h2"}
    return json.dumps({
        "listeners": [{"address": f"127.0.0.1:{front}"}],
        "admin": {"address": f"127.0.0.1:{admin}"},
        "services": {"talk": talk, "broken": broken},
        "routes": [{"path": "/test.Broken/*", "service": "broken"}, {"path": "/*", "service": "talk"}],
    })


def unary_is_held(channel, gateway):
    assert gateway.phases()["talk"] == "asleep"
    answer, call = channel.unary_unary("/test.Talk/Echo").with_call(b"hello", timeout=PATIENCE)
    assert answer == b"HELLO"
    assert dict(call.trailing_metadata())["x-length"] == "5", "trailers come through"
    assert ("talk", "waking") in gateway.changes() and gateway.phases()["talk"] == "awake"


def streams_both_ways(channel, gateway):
    """Each message is sent only once the one before it was answered: nothing may gather in between."""
    asked = queue.Queue()
    answers = channel.stream_stream("/test.Talk/Chat")(iter(asked.get, None), timeout=PATIENCE)
    for word in [b"one", b"two", b"x" * 100_000, b"three"]:
        asked.put(word)
        assert next(answers) == word.upper()
    refused = gateway.ask("sleep", "talk")
    assert refused.returncode != 0 and "serving" in refused.stderr, refused
    asked.put(None)
    assert list(answers) == [] and answers.code() == grpc.StatusCode.OK


def status_of(call):
    try:
        call()
    except grpc.RpcError as error:
        return error.code(), error.details()
    raise AssertionError("no error")


def errors_are_told(channel):
    echo = channel.unary_unary("/test.Talk/Echo")
    code, details = status_of(lambda: echo(b"refuse", timeout=PATIENCE))
    assert (code, details) == (grpc.StatusCode.NOT_FOUND, "refused, as asked")
    broken = channel.unary_unary("/test.Broken/Echo")
    code, details = status_of(lambda: broken(b"hello", timeout=PATIENCE))
    assert code == grpc.StatusCode.UNAVAILABLE, (code, details)
    assert details and "no-such-program" not in details, f"no word of the inside: {details}"


def main():
    front, admin = free_ports(2)
    with folder() as into:
        file = Path(into) / "wakegate.json"
        file.write_text(config(front, admin))
        with Gateway(file, admin) as gateway, grpc.insecure_channel(f"127.0.0.1:{front}") as channel:
            unary_is_held(channel, gateway)
            streams_both_ways(channel, gateway)
            errors_are_told(channel)
            soon("talk sleeps", lambda: gateway.phases()["talk"] == "asleep")
            unary_is_held(channel, gateway)


main()
print("gRPC is held while its service wakes, streams both ways, and is told its errors")
