"""Wakegate and what is made here, built by cargo."""

import json
import os
import subprocess
from pathlib import Path

from .machine import Trouble

ROOT = Path(__file__).resolve().parents[2]


def target():
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()


def cargo(*words):
    print(f"cargo {' '.join(words)}", flush=True)
    built = subprocess.run(["cargo", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if built.returncode != 0:
        raise Trouble("it does not build")
    return built.stdout


def wakegate():
    """The program as it is released."""
    cargo("build", "--release", "--bin", "wakegate")
    return target() / "release/wakegate"


def benches():
    """The load that is made here, and the bench that a row is fed from."""
    found = executables("bench", "--no-run", "--bench", "crowd", "--bench", "ready")
    return found["crowd"], found["ready"]


def bare():
    """hyper with nothing around it, built as Wakegate is for its release."""
    return executables("build", "--release", "--bench", "bare")["bare"]


def executables(*words):
    """What cargo builds, by name."""
    # In a folder of their own: cargo would put a wakegate in the place of the released one, with what tests need.
    folder = str(target() / "compare")
    words = [*words, "--no-default-features", "--features", "server", "--target-dir", folder]
    built = map(json.loads, cargo(*words, "--message-format", "json-render-diagnostics").splitlines())
    return {one["target"]["name"]: one["executable"] for one in built if one.get("executable")}
