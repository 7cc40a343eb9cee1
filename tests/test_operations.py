"""docs/operations.md is done as it says: what it marks as `sh` and `python` runs, in its order, and what it names is there."""

import os
import pathlib
import re
import subprocess
import sys

import pyarrow.flight as flight
import pytest
import yaml

import certificates
import lakes
import wire
from godwit_server import binary, environment, run
from services import free_port

ROOT = pathlib.Path(__file__).parent.parent
PAGE = ROOT / "docs" / "operations.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
READY = re.compile(r"^godwit ready flight=grpc\+tls://127\.0\.0\.1:\d+ http=http://127\.0\.0\.1:\d+$", re.MULTILINE)


def test_what_it_says_is_done(tmp_path):
    """In one shell, that begins in an empty directory with the server on its PATH."""
    (tmp_path / "godwit-bin").mkdir()
    (tmp_path / "godwit-bin" / "godwit").symlink_to(binary())
    script = "set -euo pipefail -m\n"
    for kind, text in BLOCKS:
        if kind == "sh":
            script += text
        elif kind == "python":
            script += f"'{sys.executable}' - <<'PYTHON'\n{text}PYTHON\n"
    for port in ("8815", "9815"):
        script = script.replace(f":{port}", f":{free_port()}")
    path = {"PATH": f"{tmp_path / 'godwit-bin'}:{os.environ['PATH']}"}
    done = subprocess.run(["bash"], input=script, cwd=tmp_path, env=environment(path), capture_output=True, text=True,
                          timeout=120, check=False)
    log = tmp_path / "godwit" / "log"
    assert done.returncode == 0, done.stderr[-3000:] + (log.read_text()[-3000:] if log.exists() else "")
    assert '"De Bilt"' in done.stdout
    assert READY.search(done.stdout)
    assert "stopping" in log.read_text()


@pytest.fixture
def server(start):
    return start()


def test_its_sql_runs(server):
    """What is indented, on what runs: the ids that it leaves open are those of a query and of its session."""
    blocks = re.findall(r"(?:^    [A-Z].*\n(?:^    .*\n)*)+", TEXT, re.MULTILINE)
    statements = [each.strip() for block in blocks for each in block.replace("\n    ", "\n").split(";") if each.strip()]
    assert len(statements) == 5
    with server.client() as client, server.client() as other:
        for sql in statements:
            reader = other.get(other.info(wire.statement("select * from generate_series(1, 100000000000)")))
            reader.read_chunk()
            ((query, session),) = client.rows(
                "select query_id, session_id from system.queries where ended is null and sql like '%generate_series%' "
                "and sql not like '%system.%'")
            sql = sql.replace("…", query).replace("query_id'", f"{query}'").replace("session_id'", f"{session}'")
            if not sql.startswith("KILL"):
                assert client.query(sql).num_rows > 0, sql
                client.run(f"kill query '{query}'")
            else:
                client.run(sql)
            with pytest.raises(flight.FlightCancelledError, match="killed"):
                while True:
                    reader.read_chunk()


def test_its_tables_of_columns_and_of_views_are_the_servers(server):
    with server.client() as client:
        listed = re.search(r"\| column \| meaning \|\n(.*?)\n\n", TEXT, re.DOTALL)[1]
        columns = {name for line in listed.splitlines()[1:] for name in re.findall(r"`(\w+)`", line.split("|")[1])}
        there = client.rows("select column_name from information_schema.columns where table_schema = 'system' and table_name = 'queries'")
        assert columns >= {name for (name,) in there} - {"sql"} and columns <= {name for (name,) in there}
        listed = re.search(r"\| table \| what it shows \|\n(.*?)\n\n", TEXT, re.DOTALL)[1]
        tables = {name.removeprefix("system.") for line in listed.splitlines()[1:] for name in re.findall(r"`([\w.]+)`", line.split("|")[1])}
        there = client.rows("select table_name from information_schema.tables where table_schema = 'system'")
        assert tables == {name for (name,) in there}


def test_its_toml_is_a_configuration(tmp_path):
    (section,) = re.findall(r"(?:^    \[.*\n(?:^    .*\n)+)", TEXT, re.MULTILINE)
    (installed,) = re.findall(r"^# cat > /etc/godwit/godwit\.toml <<'END'\n(.*?)^END$", TEXT, re.MULTILINE | re.DOTALL)
    certificates.Authority(tmp_path).server("tls").key_file.chmod(0o640)
    for text in (section.replace("\n    ", "\n").strip(), installed.replace("/etc/godwit", str(tmp_path))):
        (tmp_path / "godwit.toml").write_text(text)
        checked = run("config", "check", "--config", tmp_path / "godwit.toml")
        assert checked.returncode == 0, checked.stderr


def test_what_changes_at_once_is_what_it_says():
    source = (ROOT / "crates" / "server" / "src" / "reload.rs").read_text(encoding="utf-8")
    keys = re.findall(r'"([\w.]+)"', re.search(r"const AT_ONCE: .*?= \[(.*?)\];", source, re.DOTALL)[1])
    (said,) = re.findall(r"What\s+can\s+change\s+at\s+once\s+does,(.*?)\.\s+Certificates", TEXT, re.DOTALL)
    assert len(keys) == 13
    named = set(re.findall(r"`([\w.]+)`", said)) | ({"users"} if "users with their" in said.replace("\n", " ") else set())
    assert named == {key.removesuffix(".") for key in keys}


def test_what_it_does_every_night(start, tmp_path):
    """The line for cron, in its directory, on three days."""
    server = start(config="")
    with server.client() as client:
        client.run("create table t as select value as n from generate_series(1, 1000)")
    (line,) = re.findall(r"^10 3 \* \* \* godwit (.*)$", TEXT, re.MULTILINE)
    place, tools = tmp_path / "backups", tmp_path / "bin"
    for each in (place, tools):
        each.mkdir()
    (tools / "godwit").symlink_to(binary())
    (tools / "date").write_text('#!/bin/sh\n[ "$1" = +%F ] && echo "$TODAY"\n')
    (tools / "date").chmod(0o755)
    # cron takes the backslash of a percent sign away.
    line = line.replace("\\%", "%").replace("/var/backups/godwit", str(place)).replace("/var/lib/godwit", str(server.data_dir))
    line = line.replace("/etc/godwit/godwit.toml", str(server.home / "godwit.toml"))
    for day in ("2026-11-29", "2026-11-30", "2026-12-01"):
        path = {"PATH": f"{tools}:{os.environ['PATH']}", "TODAY": day}
        done = subprocess.run(["sh", "-c", line], env=environment(path), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    days = sorted(place.iterdir())
    assert [day.name for day in days] == ["2026-11-29", "2026-11-30", "2026-12-01"]
    files = [next(day.rglob("*.parquet")) for day in days]
    assert len({file.stat().st_ino for file in files}) == 1, "each is linked to the one before"
    assert run("backup", "--verify", days[-1]).returncode == 0
    (attach,) = re.findall(r"`(ATTACH 'ducklake:[^`]*)`", TEXT)
    with lakes.loaded(("ducklake", "sqlite_scanner")) as duck:
        duck.execute(attach.replace("\n", " ").replace("backups/monday", str(days[-1])))
        assert duck.execute("select count(*) from monday.main.t").fetchone() == (1000,)


def test_it_is_installed_as_it_says(tmp_path):
    """As far as that goes without systemd: the commands, below a directory of their own."""
    (text,) = [text for kind, text in BLOCKS if kind == "console" and "systemd-sysusers" in text]
    lines, _, rest = text.partition("# systemctl daemon-reload\n")
    assert rest == "# systemctl enable --now godwit\n# journalctl --unit godwit --follow\n"
    script = "set -eu\n" + re.sub(r"^# ", "", lines, flags=re.MULTILINE)
    script = script.replace("~/.cache/godwit/target/release/godwit", binary()).replace("-g godwit", f"-g {os.getgid()}")
    script = re.sub(r"(?<=[ >])(/(?:usr/local|etc)/)", rf"{tmp_path}\1", script)
    script = script.replace("systemd-sysusers", f"systemd-sysusers --root={tmp_path}")
    (tmp_path / "usr" / "local" / "bin").mkdir(parents=True)
    for suffix in ("crt", "key"):
        (tmp_path / f"tls.{suffix}").touch()
        script = script.replace(f" tls.{suffix}", f" {tmp_path}/tls.{suffix}")
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "godwit:" in (tmp_path / "etc" / "passwd").read_text()
    found = {str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777 for path in (tmp_path / "etc").glob("*/*") if "godwit" in str(path)}
    assert found["etc/godwit/admin-password"] == 0o600 and found["etc/godwit/tls.key"] == 0o640, found
    assert len((tmp_path / "etc/godwit/admin-password").read_text().strip()) == 32
    assert (tmp_path / "usr/local/bin/godwit").stat().st_mode & 0o777 == 0o755


def test_its_links_lead_somewhere():
    for link in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert "://" in link or (PAGE.parent / link).exists(), link
    headings = [line[3:].lower() for line in TEXT.splitlines() if line.startswith("## ")]
    headings = {re.sub(r"[^a-z0-9 -]", "", heading).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= headings


def test_exit_codes_are_the_servers():
    source = (ROOT / "crates" / "server" / "src" / "error.rs").read_text(encoding="utf-8")
    listed = re.search(r"\| exit code \| meaning \|\n(.*?)\n\n", TEXT, re.DOTALL)[1]
    assert re.findall(r"^/// \| (\d+) \|", source, re.MULTILINE) == re.findall(r"^\| (\d+) \|", listed, re.MULTILINE)


@pytest.mark.parametrize("command", sorted(set(re.findall(r"^(?:[#$] )?godwit ([a-z][a-z-]*(?: [a-z][a-z-]*)?)", TEXT, re.MULTILINE))))
def test_its_commands_exist(command):
    assert run(*command.split(), "--help").returncode == 0


def test_what_it_installs_is_there():
    installed = re.findall(r"\b((?:config|docker)/[\w./-]+)", "".join(text for kind, text in BLOCKS if kind == "console"))
    assert len(installed) >= 4
    for name in set(installed) - {"docker/.env"}:
        assert (ROOT / name).exists(), name


def test_the_chart_takes_the_values_that_it_says():
    """As far as that goes without a cluster."""
    commands = "".join(text for kind, text in BLOCKS if kind == "console").replace("\\\n", " ")
    (line,) = re.findall(r"^\$ helm upgrade --install (.*)$", commands, re.MULTILINE)
    helm = ROOT / "tests" / "deploy" / "target" / "helm"
    arguments = [word for word in line.split() if word != "--wait"]
    done = subprocess.run([helm, "template", *arguments, "--kube-version", "1.34.0"], cwd=ROOT, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    secrets = {name for name in re.findall(r"secret (?:generic|tls) (\S+)", commands)}
    assert secrets == set(re.findall(r"existingSecret=(\S+)", line))
    assert all(f"{name}\n" in done.stdout.replace("}", "\n").replace(",", "\n") for name in secrets)
    keys = set(re.findall(r"--from-literal=([\w-]+)=", commands))
    assert keys == {"url", "access-key-id", "secret-access-key"} and all(re.search(rf"key: {key}\b", done.stdout) for key in keys)
    (kind, name) = re.search(r"rollout restart (\S+) (\S+)`", TEXT).groups()
    made = [each for each in yaml.safe_load_all(done.stdout) if each]
    assert (kind, name) in [(each["kind"].lower(), each["metadata"]["name"]) for each in made]
