"""docs/operations.md is done as it says: what it marks as `sh` and `python` runs, in its order, and what it names is there."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

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
