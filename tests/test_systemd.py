"""The unit for systemd: systemd finds nothing wrong with it, and the server works with the few system calls that it leaves."""

import json
import pathlib
import re
import signal
import socket
import subprocess

import pytest

from container import Container
from godwit_server import Server, binary, eventually, run

UNITS = pathlib.Path(__file__).parent.parent / "config" / "systemd"
UNIT = UNITS / "godwit.service"
INSTALLED = "/usr/local/bin/godwit"


def systemd(*arguments):
    return subprocess.run([*map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)


def said(name):
    """What the unit says of that name, once for each time."""
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)


def seconds(text):
    amount, unit = re.fullmatch(r"(\d+)(s|min)", text).groups()
    return int(amount) * {"s": 1, "min": 60}[unit]


def test_systemd_understands_it(tmp_path):
    (tmp_path / UNIT.name).write_text(UNIT.read_text().replace(INSTALLED, binary()))
    done = systemd("systemd-analyze", "verify", tmp_path / UNIT.name)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_it_is_confined():
    """On systemd's scale from 0 to 10; what is left is mostly the network."""
    done = systemd("systemd-analyze", "security", "--offline=yes", "--threshold=15", "--no-pager", UNIT)
    assert done.returncode == 0, done.stdout


def test_its_user_is_made():
    done = systemd("systemd-sysusers", "--dry-run", UNITS / "godwit.sysusers")
    assert done.returncode == 0, done.stderr
    (user,) = said("User")
    assert re.search(rf"^u {user} ", (UNITS / "godwit.sysusers").read_text(), re.MULTILINE)


def test_its_commands_and_variables_are_the_servers(tmp_path):
    (serve,) = said("ExecStart")
    program, *arguments = serve.split()
    assert program == INSTALLED
    config, password = tmp_path / "godwit.toml", tmp_path / "admin-password"
    config.write_text("")
    password.write_text("a long-distance flier\n")
    environment = dict(each.split("=", 1) for each in said("Environment"))
    environment = {name: value.replace("%d", str(tmp_path)) for name, value in environment.items()}
    assert arguments == ["serve", "--config", "/etc/godwit/godwit.toml"]
    checked = run("config", "check", "--config", config, env=environment)
    assert checked.returncode == 0, checked.stderr
    (directory,) = said("StateDirectory")
    assert environment["GODWIT_DATA_DIR"] == f"/var/lib/{directory}"


def test_what_it_knows_of_the_server():
    grace = json.loads(run("config", "schema").stdout)["properties"]["shutdown"]["properties"]["grace"]["default"]
    (stop,) = said("TimeoutStopSec")
    assert seconds(stop) > seconds(grace)
    (hopeless,) = said("RestartPreventExitStatus")
    assert run("serve", "--listen", "nowhere").returncode == int(hopeless)


def test_it_is_told_when_the_server_is_ready_reloads_and_stops(tmp_path):
    assert said("Type") == ["notify"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)

        def told():
            return manager.recv(4096).decode().splitlines()

        with Server(tmp_path / "server", config="", env={"NOTIFY_SOCKET": str(tmp_path / "notify")}) as server:
            assert told() == ["READY=1"]
            # `systemctl reload` waits until it is ready again, also when nothing has changed because the file is wrong.
            for text, logged in (("[query]\nmax_queued = 3\n", "configuration read"), ("[query", "nothing has changed")):
                (server.home / "godwit.toml").write_text(text)
                server.mark_log()
                server.process.send_signal(signal.SIGHUP)
                assert (told(), told()) == (["RELOADING=1"], ["READY=1"])
                eventually(lambda logged=logged: logged in server.log(marked=True), "the log says so")
            assert server.stop() == 0
            assert told() == ["STOPPING=1"]


@pytest.fixture(scope="module")
def calls():
    """The system calls that the unit leaves."""
    sets, current = {}, None
    for line in systemd("systemd-analyze", "syscall-filter", "--no-pager").stdout.splitlines():
        if line.startswith("@"):
            current = sets.setdefault(line.strip(), [])
        elif current is not None and line.startswith("    ") and not line.strip().startswith("#"):
            current.append(line.strip())

    def of(name):
        return {call for each in sets[name] for call in (of(each) if each.startswith("@") else [each])}

    given, taken = said("SystemCallFilter")
    assert taken.startswith("~")
    left = {call for name in given.split() for call in of(name)}
    return sorted(left - {call for name in taken[1:].split() for call in of(name)})


def test_the_server_works_with_these_system_calls(image, calls, tmp_path):
    assert 200 < len(calls) < 400
    assert not {"ptrace", "mount", "setuid", "bpf", "reboot", "init_module"} & set(calls)
    little = {"GODWIT_MEMORY_LIMIT": "64MiB", "GODWIT_QUERY_TARGET_PARTITIONS": "1"}
    with Container(image, tmp_path, env=little, calls=calls) as running:
        with running.client() as client:
            client.run("create table kept as select value as n, repeat('x', 100) as text from generate_series(1, 1000000)")
            client.run("delete from kept where n % 2 = 0")
            assert client.run("call compact()") >= 0
            sorted_rows = "select row_number() over (order by text, n desc) as place from kept"
            assert client.value(f"select max(place) from ({sorted_rows})") == 500_000
        assert running.stop() == 0
