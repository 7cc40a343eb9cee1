"""`godwit demo`: the data is made once, and what it prints works when it is pasted."""

import pathlib
import re
import subprocess
import sys

import pytest

from godwit_server import Server, binary, environment, eventually

ROWS = {"region": 5, "nation": 25, "supplier": 1_000, "customer": 15_000, "part": 20_000, "orders": 150_000}


def snippets(server):
    """The texts under the headings of what the demo says, {heading: text}."""
    found, heading = {}, None
    for line in server.log().splitlines():
        if line.startswith(("Python, ADBC", "Python, pyarrow", "JDBC")):
            heading = line.split(" (")[0]
            found[heading] = ""
        elif line.startswith("Ctrl-C"):
            heading = None
        elif heading:
            found[heading] += line + "\n"
    return {heading: text.strip() for heading, text in found.items()}


@pytest.mark.parametrize("heading", ["Python, ADBC", "Python, pyarrow"])
def test_python_snippets_work_when_pasted(demo, heading):
    ran = subprocess.run(
        [sys.executable, "-c", snippets(demo)[heading]],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "l_returnflag" in ran.stdout
    assert '"A"' in ran.stdout


README = pathlib.Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
SHOWN = {"query": '"A"', "durable": '"Vlissingen"', "exchange": "49999.5"}


@pytest.mark.parametrize("block, shows", list(zip(BLOCKS, SHOWN.values(), strict=True)), ids=SHOWN.keys())
def test_snippets_of_the_readme_work_when_pasted(demo, tmp_path, block, shows):
    (tmp_path / "godwit-demo").symlink_to(demo.data_dir)
    assert block.count("grpc://127.0.0.1:8815") == 1
    ran = subprocess.run(
        [sys.executable, "-c", block.replace("grpc://127.0.0.1:8815", demo.uri)],
        env=environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert shows in ran.stdout


def test_jdbc_url_works_when_pasted(demo, jdbc):
    query = "select l_returnflag, count(*) from tpch.lineitem group by 1 order by 1"
    (line,) = jdbc(snippets(demo)["JDBC"], query)
    assert [row[0] for row in line["value"]] == ["A", "N", "R"]


def test_address_and_credentials_are_printed(demo):
    assert demo.uri in demo.log()
    assert demo.password in demo.log()
    assert demo.lines[-1] == f"godwit ready flight={demo.uri}"


def test_data(demo):
    with demo.client() as client:
        for table, rows in ROWS.items():
            assert client.value(f"select count(*) from tpch.{table}") == rows
        assert 590_000 < client.value("select count(*) from tpch.lineitem") < 610_000


def test_the_next_start_makes_nothing_anew(tmp_path):
    def files(server):
        return {path: path.stat().st_mtime_ns for path in server.data_dir.rglob("*.parquet")}

    options = {"command": "demo", "args": ["--scale", "0.001"], "password": None}
    with Server(tmp_path / "demo", **options) as first:
        made, password = files(first), first.demo_password()
        assert len(made) == 8
    with Server(tmp_path / "demo", **options) as second:
        assert files(second) == made
        assert second.demo_password() == password
        with second.client(password=password) as client:
            assert client.value("select count(*) from tpch.region") == 5


def test_a_table_that_is_made_is_there_after_a_restart(tmp_path):
    options = {"command": "demo", "args": ["--scale", "0.001"], "password": None}
    with Server(tmp_path / "demo", **options) as first, first.client(password=first.demo_password()) as client:
        client.run("create table kept as select n_name, n_regionkey from tpch.nation")
        client.run("update kept set n_name = lower(n_name) where n_regionkey = 3")
        client.run("insert into kept values ('atlantis', null)")
        before = client.rows("select * from kept order by n_name")
        assert len(before) == 26
    with Server(tmp_path / "demo", **options) as second, second.client(password=second.demo_password()) as client:
        assert client.rows("select * from kept order by n_name") == before
        assert client.value("select count(*) from tpch.nation") == 25


def test_half_made_data_is_made_anew(tmp_path):
    """A start that is killed while it makes data leaves nothing that a later one takes for whole."""
    home = tmp_path / "demo"
    command = [binary(), "demo", "--scale", "10", "--data-dir", str(home / "data"), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        eventually(lambda: list(home.rglob("lineitem.parquet")), "the first start makes data")
        first.kill()
    with Server(home, command="demo", args=["--scale", "0.001"], password=None) as second:
        with second.client(password=second.demo_password()) as client:
            assert client.value("select count(*) from tpch.lineitem") > 5_000
            assert client.value("select count(*) from tpch.region") == 5
