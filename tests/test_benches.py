"""The parts of `make bench` that need no clock: statistics, samples, targets, tables, the chart, and the papers made of them."""

import copy
import pathlib
import re
import socket
import subprocess
import sys
import xml.etree.ElementTree

import pytest

BENCHES = pathlib.Path(__file__).parent.parent / "benches"
sys.path.insert(0, str(BENCHES))

import docs
import profiles
from harness import chart, measures, processes, results, sockets, stats, tables, targets, workers


def record(name, unit="s", of="wall", failed=None, **samples):
    """A measure of a results file, with samples that took so many seconds."""
    counts = {"server_cpu": 1.0, "peak_bytes": 5e6, "wire_bytes": 4e6, "bytes": 2_000_000_000}
    taken = {peer: [{"wall": wall, **counts} for wall in walls] for peer, walls in samples.items()}
    return {"name": name, "title": f"the {name}", "unit": unit, "of": of, "clients": 1, "samples": taken, "failed": failed or {},
            "load": 0.5}


@pytest.fixture
def found():
    """Results of a run in which not everything went well."""
    return {
        "made": "2026-11-21T20:00:00Z", "size": "full", "seconds": 125, "groups": {},
        "machine": {"processor": "P", "cores": 2, "memory_gb": 24.0, "kernel": "6", "system": "S", "python": "3", "huge_pages": None},
        "versions": {"godwit": "0.1.0", "sail": "0.7.2"}, "missing": {"quack": "no\npackage"},
        "measures": [
            record("lineitem", godwit=[1.0, 2.0, 4.0], sail=[2.0, 3.0, 2.0], failed={"duckdb": "out | of memory"}),
            record("put-1", "GB/s", godwit=[1.0, 1.0], reference=[2.0, 2.0]),
            record("ingest-lineitem", godwit=[1.0], duckdb=[3.0]),
            record("memory-1", "MB", godwit=[1.0]),
        ],
    }


def verdict(found, measure, peer, of=None):
    (each,) = (each for each in targets.verdicts(found) if (each.target.measure, each.target.peer, each.target.of) == (measure, peer, of))
    return each


def test_medians_and_means():
    assert stats.median([3, None, 1, 2]) == 2
    assert stats.median([1, 2]) == 1.5
    assert stats.median([]) is None
    assert stats.geometric_mean([1, 4]) == pytest.approx(2)
    assert stats.percentile([1, 2, 3, 4], 0.5) == 3
    assert stats.percentile([1], 0.99) == 1
    assert stats.spread([1.0]) is None
    assert stats.spread([1.0, 2.0, 5.0]) == pytest.approx(1.5)


def test_a_ratio_compares_within_rounds():
    ours, theirs = [1.0, 10.0, 100.0], [2.0, 20.0, 50.0]
    assert stats.ratio(ours, theirs, higher_is_better=False) == 2.0
    assert stats.ratio(ours, theirs, higher_is_better=True) == 0.5
    assert stats.ratio(ours, [4.0], higher_is_better=False) == 4.0
    assert stats.ratio(ours, [], higher_is_better=True) is None


def test_values_of_samples():
    sample = {"wall": 2.0, "bytes": 3e9, "count": 10, "peak_bytes": 7e6, "seconds": {"a": 1.0, "b": 4.0}}
    figures = [measures.value(*what, sample) for what in (("GB/s", "wall"), ("1/s", "wall"), ("MB", "wall"), ("s", "wall"))]
    assert figures == [1.5, 5.0, 7.0, 2.0]
    assert measures.value("s", "total", sample) == 5.0
    assert measures.value("s", "geometric", sample) == pytest.approx(2.0)


def test_clients_of_a_round_become_one_sample():
    answers = [{"begin": 10.0, "end": 12.0, "client_cpu": 1.0, "count": 4, "p50": 0.1, "p99": 0.2},
               {"begin": 10.5, "end": 13.0, "client_cpu": 2.0, "count": 6, "p50": 0.3, "p99": 0.4}]
    sample = workers.together(answers)
    assert (sample["wall"], sample["client_cpu"], sample["count"]) == (3.0, 3.0, 10)
    assert sample["p50"] == pytest.approx(0.2)


def test_targets_are_judged(found):
    faster = verdict(found, "lineitem", "sail")
    assert (faster.figure, faster.reached) == (1.5, False), "the median of 2, 1.5 and 0.5, of which 1.6 is wanted"
    assert verdict(found, "put-1", "reference").figure == 2.0, "the same bytes in half the time"
    assert verdict(found, "put-1", "reference").reached is True
    assert verdict(found, "memory-1", None).reached is True
    assert verdict(found, "ingest-lineitem", "duckdb").reached is True


def test_clients_leave_a_server_so_much(found):
    assert verdict(found, "lineitem", "sail").best is None, "nobody looked"
    for sample in found["measures"][0]["samples"]["godwit"]:
        sample["client_cpu"] = sample["wall"] / 2
    assert verdict(found, "lineitem", "sail").best == 6.0, "a quarter of both cores is theirs"
    assert "| the lineitem | Sail | 1.6 × | 1.50 × | 6.00 × | no |" in tables.against(found)


def test_what_is_missing_is_named(found):
    assert verdict(found, "lineitem", "duckdb").why == "out | of memory"
    assert verdict(found, "ingest-lineitem", "quack").why == "no\npackage"
    assert verdict(found, "tpch", "sail").reached is None
    text = tables.whole(found)
    assert "- DuckDB Quack: no package" in text
    assert "- DuckDB in process, the lineitem: out | of memory" in text


def test_tables_are_whole(found):
    for text in (tables.whole(found), tables.short(found)):
        for block in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
            assert len({row.count("|") for row in block.strip().splitlines()}) == 1, block
    assert "| the lineitem | Sail | 1.6 × | 1.50 × | – | no |" in tables.against(found)
    assert "| the lineitem | 2 s | Sail | 2 s | 1.50 × |" in tables.short(found)
    assert "0.50 s/GB | 5 MB | 4 MB" in tables.costs(found)


@pytest.mark.parametrize(("function", "part"), [
    ("kernel: tcp_sendmsg_locked", "the kernel"), ("_mi_page_malloc_zero", "the allocator"),
    ("<godwit_flight::layers::trace::Trace<S> as tower_service::Service<R>>::call", "Godwit's own"),
    ("<T as tower::util::boxed_clone::CloneService<R>>::clone_box", "HTTP/2, gRPC, protobuf"), ("sqlite3VdbeExec", "SQLite"),
    ("<arrow_buffer::buffer::immutable::Buffer as core::iter::traits::collect::FromIterator<T>>::from_iter",
     "DataFusion, Arrow, Parquet"), ("clock_gettime@@GLIBC_2.17", "the rest"),
])
def test_a_profile_says_what_a_function_belongs_to(function, part):
    assert profiles.part(function) == part


def test_a_profile_divides_the_processor_time():
    symbols = [(60.0, "godwit-io", "kernel: a"), (25.4, "godwit-io", "mi_free"), (14.0, "godwit-query", "kernel: b"), (0.4, "x", "y")]
    assert profiles.shares(symbols, lambda thread, _: thread) == "godwit-io 85 %, godwit-query 14 %"
    assert profiles.shares(symbols, lambda _, function: profiles.part(function)) == "the kernel 74 %, the allocator 25 %"


@pytest.mark.parametrize(("figure", "text"), [(None, "–"), (12345.6, "12,346"), (99.96, "100"), (1.2345, "1.23"), (0.01234, "0.0123")])
def test_numbers(figure, text):
    assert tables.number(figure) == text


def test_the_chart_has_a_bar_for_each_ratio(found):
    root = xml.etree.ElementTree.fromstring(chart.draw(found))
    bars = [each for each in root.iter("{http://www.w3.org/2000/svg}rect") if each.get("fill") in (chart.GREEN, chart.RED)]
    assert [each.get("fill") for each in bars] == [chart.RED, chart.GREEN, chart.GREEN]
    assert all(float(each.get("width")) > 0 for each in bars)


def test_results_survive_their_file(found, tmp_path):
    results.write(tmp_path / "bench.json", found)
    assert results.read(tmp_path / "bench.json") == results.rounded(copy.deepcopy(found))
    assert (tmp_path / "bench.md").read_text(encoding="utf-8") == tables.whole(found)
    assert (tmp_path / "bench.svg").read_text(encoding="utf-8") == chart.draw(found)
    assert results.rounded({"a": [1.23456789, 12]}) == {"a": [1.2346, 12]}


def test_a_paper_has_one_place_for_the_figures():
    paper = "a\n<!-- bench: written by `make bench-docs` -->\nold\n<!-- end of bench -->\nb\n"
    assert docs.filled(paper, "new\n") == paper.replace("old", "new")
    with pytest.raises(ValueError, match="0 places"):
        docs.filled("a\n", "new")


@pytest.mark.parametrize("name", docs.PAPERS)
def test_papers_show_the_stored_results(name):
    """`make bench-docs` would change nothing."""
    paper = (BENCHES.parent / name).read_text(encoding="utf-8")
    assert docs.filled(paper, docs.PAPERS[name](results.read(docs.STORED))) == paper


def test_stored_table_and_chart_are_those_of_the_stored_results():
    stored = results.read(docs.STORED)
    assert docs.STORED.with_suffix(".md").read_text(encoding="utf-8") == tables.whole(stored)
    assert docs.STORED.with_suffix(".svg").read_text(encoding="utf-8") == chart.draw(stored)


def test_every_target_is_measured():
    """By a program of its own, because the cases need the packages of `make bench`, which these tests have too."""
    show = ("import run, cases; print(*(m.name + ':' + ','.join(m.peers) for s in run.SUBJECTS for size in (cases.FULL, cases.QUICK) "
            "for g in s.groups(size) for m in g.measures))")
    said = subprocess.run([sys.executable, "-c", show], cwd=BENCHES, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    seen = dict(each.split(":") for each in said.stdout.split())
    for target in targets.TARGETS:
        assert {"godwit", target.peer} - {None} <= set(seen[target.measure].split(",")), target


def test_the_kernel_counts_bytes_and_memory():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            server, _ = listener.accept()
            with server:
                before = sockets.connections({port})
                client.sendall(bytes(1000))
                while len(server.recv(1000, socket.MSG_PEEK)) < 1000:
                    pass
                server.sendall(bytes(70))
                assert sockets.moved(before, sockets.connections({port})) == (70, 1000)
    script = "print(flush=True); input()"
    own = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        own.stdout.readline()  # It is what it will be by then, not what it was forked from.
        processes.forget_peak(own.pid)
        assert processes.peak_bytes(own.pid) > 1 << 20
        assert processes.cpu_seconds(own.pid) >= 0
    finally:
        own.communicate(b"\n")
