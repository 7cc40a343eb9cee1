"""What the figures were measured on."""

import os
import pathlib
import platform
import re


def _first(path, pattern):
    try:
        found = re.search(pattern, pathlib.Path(path).read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    except OSError:
        return None
    return found[1].strip() if found else None


def describe():
    """The machine, as far as it matters here, without anything that names it."""
    memory = _first("/proc/meminfo", r"MemTotal:\s+(\d+) kB")
    pages = _first("/sys/kernel/mm/transparent_hugepage/enabled", r"\[(\w+)\]")
    return {
        "processor": _first("/proc/cpuinfo", r"model name\s*:\s*(.+)") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(int(memory) * 1024 / 1e9, 1) if memory else None,
        "kernel": platform.release(),
        "system": _first("/etc/os-release", r'PRETTY_NAME="?([^"\n]+)') or platform.system(),
        "python": platform.python_version(),
        "huge_pages": pages,
    }


def load():
    """How many processes wanted a core on average over the last minute."""
    return round(os.getloadavg()[0], 2)
