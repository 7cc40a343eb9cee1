"""`godwit sql` in scripts: statements, forms of output, exit codes, listings, profiles, imports."""

import csv
import io
import json
import os
import subprocess
import unicodedata

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from certificates import Authority
from godwit_server import PASSWORD, USER, binary, environment, run
from shells import against, home, lake_sql, peak_memory, rows_of, sql  # noqa: F401

PEOPLE = "select id, name, score from people order by id"


# Statements.


def test_a_statement(sql):
    ran = sql("-c", PEOPLE)
    assert (ran.returncode, ran.stderr) == (0, "5 rows\n")
    assert ran.stdout.splitlines() == [
        "┌────┬─────────┬───────┐",
        "│ id │ name    │ score │",
        "├────┼─────────┼───────┤",
        "│  1 │ Ada     │   9.5 │",
        "│  2 │ Grace   │  8.25 │",
        "│  3 │ Étienne │  NULL │",
        "│  4 │ NULL    │   1.0 │",
        "│  5 │ Zoë 🐦  │  -0.5 │",
        "└────┴─────────┴───────┘",
    ]


def test_a_script_from_standard_input(sql):
    script = "-- two; statements\nselect 'a;b' as x;\n\\format csv\nselect /* ; */ 2\n  as y\n;\nselect 3 as z"
    ran = sql("--quiet", "--format", "ndjson", stdin=script)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == '{"x":"a;b"}\ny\n2\nz\n3\n'


def test_a_script_stops_at_the_first_error(sql):
    ran = sql("--format", "csv", stdin="select 1 as a;\n\nselect\n nothing;\nselect 3 as c;\n")
    assert ran.returncode == 1
    assert ran.stdout == "a\n1\n"
    assert ran.stderr.startswith("error: standard input, line 2: ") or ran.stderr.startswith("error: standard input, line 3: ")
    assert "nothing" in ran.stderr and "\x1b" not in ran.stderr


def test_files_and_included_files(sql, tmp_path):
    (tmp_path / "b.sql").write_text("select 2 as b;")
    (tmp_path / "a.sql").write_text(f"select 1 as a;\n\\i {tmp_path}/b.sql\nselect 3 as c;\n")
    ran = sql("--format", "ndjson", "-f", tmp_path / "a.sql", "-f", tmp_path / "b.sql")
    assert (ran.returncode, ran.stdout) == (0, '{"a":1}\n{"b":2}\n{"c":3}\n{"b":2}\n')
    (tmp_path / "b.sql").write_text(f"\\i {tmp_path}/b.sql")
    ran = sql("-f", tmp_path / "b.sql")
    assert ran.returncode == 1 and "deep" in ran.stderr
    ran = sql("-f", tmp_path / "missing.sql")
    assert ran.returncode == 1 and "missing.sql" in ran.stderr


def test_one_session_for_all_statements(lake_sql):
    ran = lake_sql(
        "--format", "ndjson", "-q",
        "-c", "create temp table only_mine as select 1 as a",
        "-c", "create schema shell_session; set schema = 'shell_session'; create table t (a int); begin",
        "-c", "insert into t values (1), (2)",
        "-c", "select count(*) as n from t; rollback; select count(*) as n from t; drop table t",
        "-c", "select * from only_mine; drop schema shell_session",
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == '{"n":2}\n{"n":0}\n{"a":1}\n'


def test_changes_say_how_many_rows(lake_sql):
    made = "create table shell_changes (a int)"
    ran = lake_sql(
        "-c", made, "-c", "insert into shell_changes values (1), (2)", "-c", "delete from shell_changes where a = 1",
        "-c", "insert into shell_changes values (7) returning a", "-c", "drop table shell_changes",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.splitlines() == ["done", "2 rows changed", "1 row changed", "1 row", "done"]
    assert "│ 7 │" in ran.stdout


def test_many_sessions_one_after_the_other(sql):
    """Each is closed: a user may have only so many at a time."""
    for _ in range(3):
        before = rows_of(sql, "select count(*) as n from system.sessions")
    assert before == rows_of(sql, "select count(*) as n from system.sessions")


# Exit codes.


def test_exit_codes(sql, server, home):
    assert sql("-c", "select 1").returncode == 0
    assert sql("-c", "selec 1").returncode == 1
    for wrong in (["--nothing"], ["--format", "xml"], ["--width", "1"], ["--timeout", "0"], ["--profile", "nobody"]):
        ran = sql(*wrong)
        assert (ran.returncode, ran.stdout) == (2, ""), wrong
    for url in ("127.0.0.1", "ftp://127.0.0.1:1", "grpc://127.0.0.1"):
        assert run("sql", url, "-c", "select 1", env=home).returncode == 2
    ran = run("sql", "grpc://127.0.0.1:1", "-c", "select 1", env=home)
    assert ran.returncode == 3 and "grpc://127.0.0.1:1" in ran.stderr
    ran = sql("-c", "select 1", password="wrong")
    assert ran.returncode == 3 and "refuses these credentials" in ran.stderr and "wrong" not in ran.stderr
    ran = run("sql", server.uri, "-c", "select 1", env=home)
    assert ran.returncode == 3, "nobody can be asked who this is"
    ran = sql("-c", "select 1", password=None)
    assert ran.returncode == 2 and "GODWIT_PASSWORD" in ran.stderr


def test_a_reader_that_goes_away_is_no_error(server, home):
    command = [binary(), "sql", server.uri, "--user", USER, "--format", "csv", "-c", "select * from generate_series(1, 30000000)"]
    variables = environment({**home, "GODWIT_PASSWORD": PASSWORD})
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as shell:
        assert shell.stdout.readline() == b"value\n"
        shell.stdout.close()
        assert shell.wait(60) == 0
        assert shell.stderr.read() == b""


# Forms of output.


def test_text_formats(sql):
    statement = "select 1 as a, 'x|y' as b, null as c, [1, 2] as d, 'two\nlines' as e"
    ran = sql("-c", statement, "--format", "csv")
    assert ran.stderr == ""
    assert list(csv.reader(io.StringIO(ran.stdout))) == [["a", "b", "c", "d", "e"], ["1", "x|y", "", "[1, 2]", "two\nlines"]]
    expected = {"a": 1, "b": "x|y", "c": None, "d": [1, 2], "e": "two\nlines"}
    assert json.loads(sql("-c", statement, "--format", "json").stdout) == [expected]
    assert json.loads(sql("-c", statement, "--format", "ndjson").stdout) == expected
    ran = sql("-c", statement, "--format", "markdown")
    assert ran.stdout.splitlines() == [
        "| a | b | c | d | e |",
        "| ---: | --- | --- | --- | --- |",
        "| 1 | x\\|y | NULL | \\[1, 2\\] | two<br>lines |",
    ]


def test_results_without_rows(sql):
    statement = "select 1 as a, 'x' as b where false"
    assert sql("-c", statement, "--format", "csv").stdout == "a,b\n"
    assert json.loads(sql("-c", statement, "--format", "json").stdout) == []
    assert sql("-c", statement, "--format", "ndjson").stdout == ""
    ran = sql("-c", statement)
    assert ran.stderr == "0 rows\n" and len(ran.stdout.splitlines()) == 4


def test_binary_formats(server, sql, data, tmp_path):
    expected = data.tables["people"]
    for name, read in (("a.parquet", pq.read_table), ("a.arrow", pyarrow.feather.read_table)):
        path = tmp_path / name
        ran = sql("-c", "select * from people order by id", "--format", name.split(".")[1], "-o", path)
        assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr
        assert read(path).to_pylist() == expected.to_pylist()
    for form in ("arrow", "parquet"):
        path = tmp_path / form
        with open(path, "wb") as out:
            command = [binary(), "sql", server.uri, "--user", USER, "--format", form, "-c", "select * from people order by id"]
            variables = environment({"HOME": str(tmp_path), "GODWIT_PASSWORD": PASSWORD})
            subprocess.run(command, env=variables, stdout=out, check=True, timeout=60)
        table = pq.read_table(path) if form == "parquet" else pa.ipc.open_stream(path).read_all()
        assert table.to_pylist() == expected.to_pylist()


def test_a_file_of_results(sql, tmp_path):
    out = tmp_path / "out"
    script = f"\\o {out}\nselect 1 as a;\nselect 2 as b;\n\\o\nselect 3 as c;\n"
    ran = sql("--format", "csv", stdin=script)
    assert (ran.returncode, ran.stdout, out.read_text()) == (0, "c\n3\n", "a\n1\nb\n2\n")
    ran = sql("--format", "parquet", stdin=script)
    assert ran.returncode == 1 and "holds a result already" in ran.stderr
    ran = sql("-c", "select 1", "-o", tmp_path / "no" / "where")
    assert ran.returncode == 1 and "where" in ran.stderr


@pytest.mark.parametrize("width", [20, 33, 60, 80, 200])
def test_tables_fit(sql, width):
    words = "repeat('word ', 20) as long_text, '日本語日本語日本語日本語日本語日本語' as wide, 123456789012 as number, 'x' as x"
    many = ", ".join(f"{n} as column_{n}" for n in range(30))
    for columns in (words, many):
        ran = sql("-c", f"select {columns}", "--width", width)
        assert ran.returncode == 0, ran.stderr
        lines = ran.stdout.splitlines()
        widths = {sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line) for line in lines}
        assert len(widths) == 1 and widths.pop() <= width, ran.stdout
        if columns is many and width < 200:
            assert "of 30 columns fit" in ran.stderr
        elif width >= 60:
            assert ("…" in ran.stdout) == (columns is words and width < 160), ran.stdout
            assert columns is many or "123456789012" in ran.stdout


def test_nothing_is_cut_in_a_file(sql):
    ran = sql("-c", "select repeat('x', 500) as long_text")
    assert "x" * 500 in ran.stdout
    ran = sql(stdin="\\x\nselect 1 as a, repeat('x', 500) as long_text, null as none;", *["--width", "40"])
    assert ran.stdout.splitlines() == ["─[ row 1 ]─", "a         │ 1", f"long_text │ {'x' * 500}", "none      │ NULL"]


def test_values_cannot_steer_the_terminal(sql):
    ran = sql("-c", "select chr(27) || '[2J' || chr(8) || chr(10) as evil")
    assert "\\u{1b}[2J\\u{8}\\n" in ran.stdout and "\x1b" not in ran.stdout


def test_many_rows_in_little_memory(sql, server, tmp_path, home):
    statement = "select value, repeat('x', 100) as pad from generate_series(1, 2000000)"
    command = [binary(), "sql", server.uri, "--user", USER, "-c", statement, "-q"]
    variables = environment({**home, "GODWIT_PASSWORD": PASSWORD})
    with open(tmp_path / "out", "wb") as out:
        shell = subprocess.Popen(command, env=variables, stdout=out)
        peak = peak_memory(shell)
    assert shell.returncode == 0
    assert (tmp_path / "out").stat().st_size > 200_000_000
    assert 1_000_000 < peak < 150_000_000


def test_timing(sql):
    ran = sql("--timing", "-c", "select 1")
    assert [line.split()[0] for line in ran.stderr.splitlines()] == ["1", "time:"]


# What there is.


def test_listings(lake_sql):
    lake_sql(stdin="create schema shell_lists; create table shell_lists.\"Big One\" (id int primary key, name varchar not null)")
    ran = lake_sql("-c", "\\d shell_lists.\"Big One\"", "--format", "json")
    assert ran.returncode == 0, ran.stderr
    described = json.loads(ran.stdout)
    assert [row["column"] for row in described] == ["id", "name"]
    assert [row["nullable"] for row in described] == ["no", "no"]
    assert described[0]["key"] == "primary key" and described[1]["key"] is None
    assert described[0]["type"].upper().startswith("INT")
    ran = lake_sql("-c", "\\dt shell_lists.*", "--format", "json")
    assert [(row["schema"], row["table"]) for row in json.loads(ran.stdout)] == [("shell_lists", "Big One")]
    assert lake_sql("-c", "\\dt SHELL_LISTS.big*").stderr == "1 row\n"
    assert "shell_lists" in lake_sql("-c", "\\dn").stdout
    assert "godwit" in lake_sql("-c", "\\l").stdout
    assert "admin" in lake_sql("-c", "\\du").stdout
    assert "│ abs " in lake_sql("-c", "\\df a*").stdout
    assert "people" in lake_sql("-c", "\\d").stdout
    ran = lake_sql("-c", "\\d nowhere")
    assert ran.returncode == 1 and "nowhere" in ran.stderr
    ran = lake_sql("-c", "\\nothing")
    assert ran.returncode == 1 and "\\?" in ran.stderr
    ran = lake_sql("-c", "\\?")
    assert ran.returncode == 0 and "\\import" in ran.stderr and ran.stdout == ""
    lake_sql(stdin='drop table shell_lists."Big One"; drop schema shell_lists;')


# Where, and as who.


def profiles(home, text, mode=0o600):
    path = os.path.join(home["XDG_CONFIG_HOME"], "godwit", "shell.toml")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def test_profiles(server, home):
    login = f'url = "{server.uri}"\nuser = "{USER}"\npassword = "{PASSWORD}"\n'
    path = profiles(home, f'[profiles.default]\n{login}format = "csv"\n[profiles.other]\n{login}')
    ran = run("sql", "-c", "select 1 as a", env=home)
    assert (ran.returncode, ran.stdout) == (0, "a\n1\n"), ran.stderr
    ran = run("sql", "--profile", "other", "-c", "select 1 as a", env=home)
    assert ran.returncode == 0 and "│ 1 │" in ran.stdout
    ran = run("sql", "--profile", "third", "-c", "select 1", env=home)
    assert ran.returncode == 2 and "default, other" in ran.stderr
    for mode in (0o640, 0o604, 0o644):
        os.chmod(path, mode)
        ran = run("sql", "-c", "select 1", env=home)
        assert ran.returncode == 2 and "0600" in ran.stderr and PASSWORD not in ran.stderr
    profiles(home, f"[profiles.default]\npasswort = '{PASSWORD}'\n")
    ran = run("sql", "-c", "select 1", env=home)
    assert ran.returncode == 2 and "passwort" in ran.stderr and PASSWORD not in ran.stderr


def test_tokens(server, home):
    ran = run("token", "create", "--user", USER, "--data-dir", server.data_dir)
    assert ran.returncode == 0, ran.stderr
    variables = {**home, "GODWIT_TOKEN": ran.stdout.strip()}
    ran = run("sql", server.uri, "--format", "csv", "-c", "select 1 as a", env=variables)
    assert (ran.returncode, ran.stdout) == (0, "a\n1\n"), ran.stderr
    ran = run("sql", server.uri, "-c", "select 1", "--token", "nonsense", env=home)
    assert ran.returncode == 3


def test_tls(start, tmp_path, home):
    authority = Authority(tmp_path)
    own, cert = authority.server(), authority.file
    server = start(args=["--tls-mode", "files", "--tls-cert-file", str(own.cert_file), "--tls-key-file", str(own.key_file)])
    shell = against(server, home)
    assert shell("-c", "select 1", "--tls-ca", cert).returncode == 0
    assert shell("-c", "select 1", "--insecure").returncode == 0
    ran = shell("-c", "select 1")
    assert ran.returncode == 3 and "certificate" in ran.stderr
    assert shell("-c", "select 1", "--tls-ca", tmp_path / "missing").returncode == 2
