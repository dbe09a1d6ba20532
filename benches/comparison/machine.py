"""The machine: its cores, the programs that run on them, and what the system says of those."""

import atexit
import ctypes
import os
import resource
import signal
import socket
import subprocess
import sys
import time

PATIENCE = 30  # seconds, for whatever is waited for
PR_SET_PDEATHSIG = 1


class Trouble(Exception):
    """What keeps a figure from being measured; its text is for the one who runs this."""


class Missing(Trouble):
    """What the machine, or who runs it, does not have: said, and no failure."""


_cores = sorted(os.sched_getaffinity(0))
# The system's own work, interrupts for one, tends to fall on the first core.
LOAD_CORE, PROXY_CORE = _cores[0], _cores[-1]

_libc = ctypes.CDLL(None)
_running = []


def cores():
    return len(_cores)


def start(command, core, groups=(), **options):
    """Starts a program on one core, in these control groups. It ends with this one, whatever becomes of this one."""

    def before():
        for group in groups:
            group.write_text("0")
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        os.sched_setaffinity(0, {core})

    options.setdefault("stdin", subprocess.DEVNULL)
    # A group of its own: Ctrl-C is for us, and we stop what we started, in order.
    process = subprocess.Popen([str(word) for word in command], preexec_fn=before, process_group=0, **options)
    _running.append(process)
    return process


def run(command, core, limit=120, **options):
    """Runs a program on one core to its end, and tells what it said."""
    process = start(command, core, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    try:
        said, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        raise Trouble(f"{command[0]} has not ended within {limit} s") from None
    finally:
        stop(process)
    if process.returncode != 0:
        raise Trouble(f"{' '.join(map(str, command))} ended with {process.returncode}: {said[-500:]}")
    return said


def stop(process, how=signal.SIGTERM):
    """Ends a program that was started here, by force where it does not."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            # With what it has started itself: the group is the one that it was started in.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            pipe.close()
    if process in _running:
        _running.remove(process)


@atexit.register
def stop_all():
    for process in reversed(_running[:]):
        stop(process)


def obey_signals():
    """SIGTERM ends this program as Ctrl-C does: with everything that it has started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))


def ports(count):
    """Ports that are free now, each another."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    numbers = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return numbers


def soon(what, look, patience=PATIENCE, pause=0.02):
    """The first true answer of `look`."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(pause)
    raise Trouble(f"{what}: not within {patience} s")


def children(process):
    """The processes that a process has started."""
    with open(f"/proc/{process}/task/{process}/children") as file:
        return [int(one) for one in file.read().split()]


def cpu_seconds(processes):
    """The CPU time, user and system, of all threads of these processes so far, those that have ended too, to the
    nanosecond: /proc/PID/stat counts in ticks of 10 ms."""
    # As clock_getcpuclockid(3) makes them.
    return sum(time.clock_gettime((~process << 3) | 2) for process in processes)


def resident(processes):
    """The bytes that these processes have in memory."""
    total = 0
    for process in processes:
        with open(f"/proc/{process}/status") as file:
            line = next(line for line in file if line.startswith("VmRSS:"))
        total += int(line.split()[1]) * 1024
    return total


class Others:
    """What programs that are not of ours have of the machine, from when this is made. `running` are those of ours that
    have not ended when it is asked."""

    def __init__(self, *running):
        self.running = running
        self.began, self.before = time.monotonic(), self.theirs()

    def theirs(self):
        ours = cpu_seconds(self.running)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
            used = resource.getrusage(who)
            ours += used.ru_utime + used.ru_stime
        with open("/proc/stat") as file:
            user, nice, system, _, _, _, _, steal, *_ = map(int, file.readline().split()[1:])
        # Interrupts are left out: on loopback they are our own packets.
        return (user + nice + system + steal) / os.sysconf("SC_CLK_TCK") - ours

    def share(self):
        """Of one core; more than one where they had more."""
        return max(0.0, (self.theirs() - self.before) / (time.monotonic() - self.began))
