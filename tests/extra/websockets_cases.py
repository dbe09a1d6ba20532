"""The Autobahn cases for WebSockets, run by kosoku through the gateway and past it: the same verdicts in each. The first
case finds the service asleep."""

import asyncio
import sys
from pathlib import Path

import kosoku

from kit import folder, gateway

ECHO = """
import asyncio, os
from websockets.asyncio.server import serve
async def echo(socket):
    async for message in socket:
        await socket.send(message)
async def main():
    async with serve(echo, "127.0.0.1", int(os.environ["PORT"]), max_size=None):
        await asyncio.Future()
asyncio.run(main())
"""

# Limits and compression: thousands of messages that differ only in size.
LEFT_OUT = ["9.*", "12.*", "13.*"]


# Whether a peer that breaks the rules still hears its first message's echo is a matter of who is faster.
WELL = {"OK", "NON-STRICT", "INFORMATIONAL"}


def failures(port):
    """How many cases were run; and by case, how the messages and the closing were judged where that was not well."""
    async def run():
        address = f"ws://127.0.0.1:{port}"
        return await kosoku.run_fuzzingclient(address, exclude_cases=LEFT_OUT, concurrency=8)

    try:
        found = asyncio.run(run())
    except kosoku.FailureError as error:
        found = error.results
    judged = {one.case_id: (one.behavior.value, one.behavior_close.value) for one in found}
    return len(judged), {case: both for case, both in judged.items() if not WELL.issuperset(both)}


def main():
    with folder() as into:
        echo = Path(into) / "echo.py"
        echo.write_text(ECHO)
        config = {
            "listeners": [{}],
            "services": {"echo": {"process": {"command": [sys.executable, str(echo)], "port": 0},
                                  "health": {"tcp": True}}},
            "routes": [{"service": "echo"}],
        }
        running, (port,) = gateway(into, config)
        with running:
            running.all_asleep()
            through = failures(port)
            target = running.services()["echo"]["targets"][0]["address"]
            past = failures(target.rsplit(":", 1)[1])
    # The service's library has failures of its own.
    assert through == past and past[0] > 200 and len(past[1]) < 5, (through, past)
    print(f"ok    through the gateway as past it: {past[0]} cases, failed: {past[1] or 'none'}")


if __name__ == "__main__":
    main()
