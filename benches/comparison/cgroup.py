"""A share of a core and a bound of memory for one program: control groups, of either version."""

import os
import time
from contextlib import contextmanager
from pathlib import Path

from .machine import Missing

ROOT = Path("/sys/fs/cgroup")
PERIOD = 100_000  # microseconds, as ECS has it


@contextmanager
def bounded(cores, memory):
    """A group with these bounds: the files to write a process to, for a `with`."""
    made = []
    try:
        try:
            files = version_2(cores, memory, made) if is_version_2() else version_1(cores, memory, made)
        except OSError as error:
            raise Missing(f"no control group can be had here: {error}") from None
        yield files
    finally:
        for folder in reversed(made):
            remove(folder)


def is_version_2():
    return (ROOT / "cgroup.controllers").exists()


def create(folder, made):
    folder.mkdir()
    made.append(folder)
    return folder


def version_1(cores, memory, made):
    name = f"wakegate-compare-{os.getpid()}"
    processor = create(ROOT / "cpu" / name, made)
    (processor / "cpu.cfs_period_us").write_text(str(PERIOD))
    (processor / "cpu.cfs_quota_us").write_text(str(int(PERIOD * cores)))
    room = create(ROOT / "memory" / name, made)
    (room / "memory.limit_in_bytes").write_text(str(memory))
    return [processor / "cgroup.procs", room / "cgroup.procs"]


def version_2(cores, memory, made):
    (ROOT / "cgroup.subtree_control").write_text("+cpu +memory")
    group = create(ROOT / f"wakegate-compare-{os.getpid()}", made)
    (group / "cpu.max").write_text(f"{int(PERIOD * cores)} {PERIOD}")
    (group / "memory.max").write_text(str(memory))
    return [group / "cgroup.procs"]


def remove(folder):
    """Its processes are ended by those who started them, which the system may notice a little later."""
    for _ in range(100):
        try:
            folder.rmdir()
            return
        except OSError:
            time.sleep(0.02)
    print(f"!!! {folder} is left: something still runs in it")
