"""The matrix is complete and its tables are current. GODWIT_TEST_BLESS=1 (`make matrix`) writes them anew."""

import ast
import os
import re

import pytest

import table
from cells import CLIENTS, STEPS, No
from pins import HERE, ROOT, version

BLESS = os.environ.get("GODWIT_TEST_BLESS") == "1"
START, END = "<!-- clients: written by `make matrix` -->", "<!-- end of clients -->"


def proofs_of(client):
    """The names of a client's tests, in Rust without their prefix."""
    if client.file.endswith(".rs"):
        source = (ROOT / "crates/flight/tests/flight" / client.file).read_text(encoding="utf-8")
        return {f"test_{name}" for name in re.findall(r"#\[tokio::test\]\nasync fn (\w+)", source)}
    tree = ast.parse((HERE / client.file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_every_cell_has_a_test(client):
    assert set(client.cells) <= set(STEPS)
    tests = proofs_of(client)
    for step in STEPS:
        proofs = {name for name in tests if name == f"test_{step}" or name.startswith(f"test_{step}_")}
        if isinstance(client.cells.get(step), No):
            assert not proofs, f"{step} is said to be impossible"
        else:
            assert proofs, f"nothing proves {step}"


def test_every_proof_has_a_cell():
    """A test `test_no_…` shows that a client cannot do something, so the cell must say so."""
    for client in CLIENTS:
        for name in proofs_of(client):
            if name.startswith("test_no_"):
                assert isinstance(client.cells.get(name.removeprefix("test_no_")), No), f"{client.name}: {name}"


def test_versions_are_pinned():
    for client in CLIENTS:
        assert re.match(r"\d+\.\d+", version(client.package))


def is_current(path, expected):
    if BLESS:
        path.parent.mkdir(exist_ok=True)
        path.write_text(expected, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == expected, "`make matrix` writes it anew"


def test_the_page_is_current():
    is_current(ROOT / "docs" / "clients.md", table.page())


def test_the_readme_is_current():
    readme = ROOT / "README.md"
    before, rest = readme.read_text(encoding="utf-8").split(START)
    after = rest.split(END)[1]
    is_current(readme, f"{before}{START}\n{table.short()}{END}{after}")
