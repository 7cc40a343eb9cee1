"""`.import`: files of every kind become tables, streaming, whole or not at all."""

import json
import subprocess

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from godwit_server import PASSWORD, USER, binary, environment
from shells import home, lake_sql, peak_memory, rows_of  # noqa: F401


@pytest.fixture
def files(tmp_path):
    """The same rows in a file of every kind."""
    table = pa.table({"id": pa.array(range(20_000), pa.int64()), "name": [f"name {n}" if n % 7 else None for n in range(20_000)]})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=5000)
    pyarrow.feather.write_feather(table, tmp_path / "t.arrow", compression="zstd")
    with pa.ipc.new_stream(tmp_path / "t.arrows", table.schema) as out:
        out.write_table(table, max_chunksize=3000)
    pyarrow.csv.write_csv(table, tmp_path / "t.csv")
    pyarrow.csv.write_csv(table, tmp_path / "t.tsv", pyarrow.csv.WriteOptions(delimiter="\t"))
    (tmp_path / "t.ndjson").write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    return tmp_path


def test_files_of_every_kind_are_imported(lake_sql, files):
    for kind in ("parquet", "arrow", "arrows", "csv", "tsv", "ndjson"):
        table = f"shell_import_{kind}"
        ran = lake_sql("-c", f".import {files}/t.{kind} {table}")
        assert (ran.returncode, ran.stderr) == (0, "20000 rows stored\n"), kind
        ran = lake_sql("-c", f"\\import {files}/t.{kind} main.{table}")
        assert ran.returncode == 0, ran.stderr
        ((total,),) = [row.values() for row in rows_of(lake_sql, f"select sum(id) from {table}")]
        assert total == 2 * sum(range(20_000))
        ((named,),) = [row.values() for row in rows_of(lake_sql, f"select count(name) from {table}")]
        assert named == 2 * len([n for n in range(20_000) if n % 7])
        lake_sql("-c", f"drop table {table}")


def test_import_modes(lake_sql, files):
    def imported(mode):
        return lake_sql("-c", f"\\import {files}/t.csv shell_modes {mode}")

    def count():
        return rows_of(lake_sql, "select count(*) as n from shell_modes")[0]["n"]

    assert imported("append").returncode == 1
    assert imported("create").returncode == 0
    assert imported("create").returncode == 1
    assert imported("append").returncode == 0 and count() == 40_000
    assert imported("replace").returncode == 0 and count() == 20_000
    assert imported("nonsense").returncode == 1
    lake_sql("-c", "drop table shell_modes")


def test_a_csv_file_takes_the_types_of_its_table(lake_sql, tmp_path):
    made = "create table shell_typed (id varchar, price decimal(10, 2), day date, extra int)"
    (tmp_path / "t.csv").write_text("DAY,id,price\n2026-11-21,007,1.50\n,008,\n")
    ran = lake_sql("-c", made, "-c", f"\\import {tmp_path}/t.csv shell_typed")
    assert ran.returncode == 0, ran.stderr
    rows = rows_of(lake_sql, "select id, cast(price as varchar) as price, day, extra from shell_typed order by id")
    assert rows == [
        {"id": "007", "price": "1.50", "day": "2026-11-21", "extra": None},
        {"id": "008", "price": None, "day": None, "extra": None},
    ]
    (tmp_path / "t.csv").write_text("id,colour\n1,red\n")
    ran = lake_sql("-c", f"\\import {tmp_path}/t.csv shell_typed")
    assert ran.returncode == 1 and "colour" in ran.stderr and "price" in ran.stderr
    lake_sql("-c", "drop table shell_typed")


def test_a_broken_file_leaves_nothing(lake_sql, tmp_path):
    lake_sql("-c", "create table shell_broken (a int)")
    (tmp_path / "t.csv").write_text("a\n" + "1\n" * 100_000 + "two\n" + "3\n" * 100_000)
    ran = lake_sql("-c", f"\\import {tmp_path}/t.csv shell_broken")
    assert ran.returncode == 1 and "t.csv" in ran.stderr and "two" in ran.stderr
    assert rows_of(lake_sql, "select count(*) as n from shell_broken") == [{"n": 0}]
    lake_sql("-c", "drop table shell_broken")
    for name, content in (("t.parquet", b"PAR1 nonsense"), ("t.arrow", b"ARROW1 nonsense"), ("t.txt", b"a"), ("t.json", b"[1]")):
        (tmp_path / name).write_bytes(content)
        ran = lake_sql("-c", f"\\import {tmp_path}/{name} shell_broken")
        assert ran.returncode == 1 and name in ran.stderr, ran.stderr
    ran = lake_sql("-c", f"\\import {tmp_path}/missing.csv shell_broken")
    assert ran.returncode == 1 and "missing.csv" in ran.stderr
    assert lake_sql("-c", "\\dt shell_broken").stderr == "0 rows\n"


def test_a_large_file_takes_little_memory(lake_server, lake_sql, home, tmp_path):
    path = tmp_path / "large.csv"
    with open(path, "w", encoding="ascii") as out:
        out.write("a,b\n")
        for n in range(600_000):
            out.write(f"{n},{'x' * 200}\n")
    arguments = ["sql", lake_server.uri, "--user", USER, "-c", f"\\import {path} shell_large"]
    variables = environment({**home, "GODWIT_PASSWORD": PASSWORD})
    said = tmp_path / "said"
    with open(said, "wb") as errors:
        shell = subprocess.Popen([binary(), *arguments], env=variables, stderr=errors)
        peak = peak_memory(shell)
    assert (shell.returncode, said.read_text()) == (0, "600000 rows stored\n")
    assert 1_000_000 < peak < path.stat().st_size
    lake_sql("-c", "drop table shell_large")
