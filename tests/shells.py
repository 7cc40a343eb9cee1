"""Runs `godwit sql` as a program; the tests of the shell share this."""

import json
import subprocess
import time

import pytest

from godwit_server import PASSWORD, USER, resident_memory, run


@pytest.fixture
def home(tmp_path):
    """Where the shell finds its files: nowhere that a person uses."""
    return {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state")}


@pytest.fixture
def sql(server, home):
    """Runs the shell against the shared server."""
    return against(server, home)


@pytest.fixture
def lake_sql(lake_server, home):
    """Runs the shell against the shared server of durable tables."""
    return against(lake_server, home)


def against(server, home):
    def shell(*arguments, stdin="", password=PASSWORD, env=None, **options):
        variables = {**home, **({"GODWIT_PASSWORD": password} if password else {}), **(env or {})}
        return run("sql", server.uri, "--user", USER, *arguments, env=variables, stdin=stdin, **options)

    return shell


def rows_of(sql, statement, *arguments):
    """What a statement gives, by way of JSON."""
    ran = sql("-c", statement, "--format", "json", *arguments)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def peak_memory(process, limit=120):
    """The most that a process holds in memory until its end, in bytes, as far as looking often shows it."""
    deadline = time.monotonic() + limit
    peak = 0
    while process.poll() is None:
        assert time.monotonic() < deadline
        try:
            peak = max(peak, resident_memory(process.pid))
            process.wait(0.05)
        except (OSError, TypeError, subprocess.TimeoutExpired):
            continue
    return peak
