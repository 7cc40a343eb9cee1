"""Processes: started so that none is left behind, and what the operating system says about them."""

import contextlib
import ctypes
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

LIBC = ctypes.CDLL(None)
TICKS = os.sysconf("SC_CLK_TCK")


def die_with_parent():
    """Has the kernel end the process when the harness dies (PR_SET_PDEATHSIG)."""
    LIBC.prctl(1, signal.SIGKILL)


def free_port():
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(**extra):
    """This process's environment without a developer's settings of the servers."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GODWIT_", "SAIL_"))}
    return clean | extra


def start(command, log, *, cwd=None, env=None, **options):
    """Starts a server whose output goes to a log file."""
    with open(log, "ab") as out:
        return subprocess.Popen(
            [str(part) for part in command], cwd=cwd, env=env or environment(), stdin=subprocess.DEVNULL, stdout=out,
            stderr=out, preexec_fn=die_with_parent, **options)


def wait_for_port(process, port, log, limit=90.0):
    """Waits until a server accepts connections."""
    deadline = time.monotonic() + limit
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        said = lambda: pathlib.Path(log).read_text(errors="replace")[-600:]
        if process.poll() is not None:
            raise RuntimeError(f"it ended with code {process.returncode}: {said()}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"it does not listen after {limit:.0f} s: {said()}")
        time.sleep(0.05)


def stop(process, how=signal.SIGTERM, limit=15):
    """Ends a process, by force if it takes longer than the limit."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(how)
    try:
        process.wait(limit)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def tree(pid):
    """A process and all that come from it."""
    found, queue = [], [pid]
    while queue:
        each = queue.pop()
        found.append(each)
        with contextlib.suppress(OSError):
            for task in pathlib.Path(f"/proc/{each}/task").iterdir():
                queue += map(int, (task / "children").read_text(encoding="ascii").split())
    return found


def cpu_seconds(pid):
    """Processor time that a process and its children took so far, those that ended included."""
    total = 0
    for each in tree(pid):
        with contextlib.suppress(OSError):
            stat = pathlib.Path(f"/proc/{each}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
            total += sum(map(int, stat[11:15]))
    return total / TICKS


def forget_peak(pid):
    """Has the kernel count the peak of memory anew from here."""
    for each in tree(pid):
        with contextlib.suppress(OSError):
            pathlib.Path(f"/proc/{each}/clear_refs").write_text("5", encoding="ascii")


def peak_bytes(pid):
    """Most resident memory since `forget_peak`; of several processes the sum, which counts what they share more than once."""
    total = 0
    for each in tree(pid):
        with contextlib.suppress(OSError):
            status = pathlib.Path(f"/proc/{each}/status").read_text(encoding="ascii")
            if found := re.search(r"VmHWM:\s+(\d+) kB", status):
                total += int(found[1]) * 1024
    return total
