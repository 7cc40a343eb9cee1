"""godwit backup and restore: whole, of one moment, of a lake that is written to."""

import hashlib
import json
import random
import signal
import subprocess

import lakes
from backups import NOISE, backup, contents, files, fill, flip, godwit, restore, verify, whole  # noqa: F401
from crash import SETUP, Writer, problems
from godwit_server import eventually, run
from test_lake_postgres import use


def test_a_lake_that_is_written_to(start, tmp_path):
    """Three clients write two tables in step by transactions; each of three backups has whole transactions, and every one
    that was acknowledged before it."""
    server = start(home=tmp_path / "home", config='[lake]\norphan_grace = "1s"\nmaintenance_interval = "1s"\nmax_snapshots = 5\n')
    with server.client() as client:
        for sql in SETUP:
            client.run(sql)
    chance = random.Random(20261122)
    writers = [Writer(server, lane, 0, chance.random()) for lane in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        assert writer.started_writing.wait(30), writer.error
    before = []
    for number in range(3):
        acknowledged = {batch for writer in writers for batch in writer.acknowledged}
        backup(server, tmp_path / f"backup{number}")
        before.append(acknowledged)
        target = len(writers[0].acknowledged) + 2
        eventually(lambda: len(writers[0].acknowledged) >= target, "writing goes on")
    server.stop(signal.SIGKILL)
    for writer in writers:
        writer.join(60)
    tried = {batch for writer in writers for batch in writer.tried}
    counts = []
    for number, acknowledged in enumerate(before):
        place, home = tmp_path / f"backup{number}", tmp_path / f"restored{number}"
        assert "whole backup of snapshot" in verify(place)
        assert "restored snapshot" in restore(place, home)
        restored = start(home=home)
        with restored.client() as client:
            assert problems(client, acknowledged, tried) == [], number
            counts.append(client.value("select count(*) from a"))
            if number == 2:
                client.run("insert into a values (-7, 1, 'it goes on')")
                client.run("call compact()")
                with lakes.beside(restored) as judge:
                    assert lakes.disagreements(client, judge) == []
                    judge.run("delete from a where batch = -7")
                    assert client.value("select count(*) from a where batch = -7") == 0
        restored.stop()
    assert counts == sorted(counts) and counts[0] < counts[2]


def test_what_is_in_it(start, tmp_path):
    """Rows and their history, users and what they may, keys, the audit log; and nothing that anybody else may read."""
    server = start(home=tmp_path / "home")
    with server.client() as client:
        fill(client)
        then = client.value("select max(snapshot_id) from system.snapshots")
        client.run("update t set s = 'later' where n = 1")
        client.run("create user ada password 'a long-distance flier too'")
        client.run("create role readers")
        client.run("grant readers to ada")
        client.run("grant usage on schema main to readers")
        client.run("grant select on t to readers")
        rows = client.rows("select * from t order by n")
    token = run("token", "create", "--user", "ada", "--data-dir", server.data_dir).stdout.strip()
    place = tmp_path / "backup"
    said = backup(server, place)
    assert said.startswith("backup of snapshot ") and str(place) in said
    assert place.stat().st_mode & 0o777 == 0o700
    for path in place.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    manifest = json.loads((place / "manifest.json").read_text())
    listed = {entry["path"]: entry for entry in manifest["files"]}
    assert set(listed) == set(files(place)) - {"manifest.json", "manifest.json.sha256"}
    for name, path in files(place).items():
        if name in listed:
            content = path.read_bytes()
            assert (listed[name]["bytes"], listed[name]["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert subprocess.run(["sha256sum", "--check", "manifest.json.sha256"], cwd=place, check=False).returncode == 0
    assert {name.split("/")[1] for name in listed if name.startswith("beside/")} == {"auth", "audit"}
    server.stop()
    restore(place, tmp_path / "other")
    restored = start(home=tmp_path / "other")
    with restored.client() as client:
        assert client.rows("select * from t order by n") == rows
        assert client.value(f"select s from t at (version => {then}) where n = 1") != "later"
        events = client.rows("select sql from system.audit where sql like '%''later''%'")
        assert events, "what was done before is in the log"
        with lakes.beside(restored, read_only=True) as judge:
            assert lakes.disagreements(client, judge, history=True) == []
    with restored.client("ada", "a long-distance flier too") as client:
        assert client.value("select count(*) from t") == len(rows)
    with restored.client(user=None, headers=[(b"authorization", b"Bearer " + token.encode())]) as client:
        assert client.value("select count(*) from t") == len(rows)


def test_duckdb_reads_a_backup_where_it_is(start, tmp_path):
    server = start()
    with server.client() as client:
        fill(client)
        backup(server, tmp_path / "backup")
        catalog = tmp_path / "backup" / "catalog" / "catalog.sqlite"
        before = contents(tmp_path / "backup")
        options = {"read_only": True, "options": "override_data_path true"}
        with lakes.Duck(f"sqlite:{catalog}", f"{tmp_path / 'backup' / 'data'}/", **options) as judge:
            assert lakes.disagreements(client, judge) == []
        assert contents(tmp_path / "backup") == before


def test_what_an_earlier_backup_has_is_linked(start, tmp_path):
    server = start()
    one, two = tmp_path / "one", tmp_path / "two"
    with server.client() as client:
        fill(client)
        backup(server, one)
        client.run(f"insert into t select value, {NOISE} from generate_series(100001, 120000) g(value)")
        rows = client.rows("select * from t order by n")
    data = {name for name in files(one) if name.startswith("data/")}
    said = backup(server, two, "--base", one)
    assert f"1 copied and {len(data)} reused" in said, said
    for name in data:
        assert (one / name).samefile(two / name)
    # One that is not what it was is fetched from the lake again.
    (changed, *_) = data
    flip(one / changed, keep_links=False)
    verify(one, code=65)
    verify(two)
    said = backup(server, tmp_path / "three", "--base", one)
    assert f"2 copied and {len(data) - 1} reused" in said, said
    restore(tmp_path / "three", tmp_path / "other")
    with start(home=tmp_path / "other").client() as client:
        assert client.rows("select * from t order by n") == rows


def test_nothing_is_overwritten(start, tmp_path, whole):
    server = start()
    with server.client() as client:
        fill(client)
    for name in ("backup", "file", "empty"):
        place = tmp_path / name
        place.write_text("mine") if name == "file" else place.mkdir()
        if name == "backup":
            (place / "mine").write_text("mine")
        before = contents(tmp_path / name) if place.is_dir() else place.read_bytes()
        assert "never overwritten" in backup(server, place, code=73)
        assert before == (contents(tmp_path / name) if place.is_dir() else place.read_bytes())
    assert "another godwit is running" in restore(whole, server.home, code=73)
    server.stop()
    before = contents(server.data_dir)
    assert "empty one" in restore(whole, server.home, code=73)
    assert contents(server.data_dir) == before
    data = tmp_path / "data of somebody"
    data.mkdir()
    (data / "x.parquet").write_bytes(b"PAR1")
    said = restore(whole, tmp_path / "other", f'[lake]\ndata = "{data}"\n', code=73)
    assert "x.parquet" in said
    assert contents(data) == {"x.parquet": b"PAR1"}
    assert set(files(tmp_path / "other")) <= {"data/lock", "godwit.toml"}


def test_what_it_is_asked_for_has_to_make_sense(tmp_path, whole, postgres):
    home = tmp_path / "home"
    home.mkdir()
    assert "there is no lake" in godwit("backup", "--to", tmp_path / "x", home=home, code=73)
    assert "manifest.json" in godwit("restore", "--from", tmp_path / "nowhere", home=home, code=65)
    assert run("backup").returncode == 64
    assert run("backup", "--to", "x", "--verify", "y").returncode == 64
    catalog = f'[lake]\ncatalog = "{postgres.uri(postgres.database())}"\n'
    assert "same kind" in restore(whole, home, catalog, code=64)
    assert "no lake in it" in godwit("backup", "--to", tmp_path / "x", home=home, code=65)
    (home / "godwit.toml").write_text('[lake]\ncatalog = "postgres://godwit@127.0.0.1:1/lake"\n')
    assert "catalog" in godwit("backup", "--to", tmp_path / "x", home=home, code=69)
    assert not (tmp_path / "x").exists() and not (home / "data").exists() or set(files(home)) <= {"godwit.toml", "data/lock"}


def test_postgres_and_s3(start, postgres, s3, tmp_path):
    """From one database and prefix to others; every type of statement, and the history."""
    database, path = postgres.database(), s3.path()
    server = start(home=tmp_path / "home", config=f'[lake]\ncatalog = "{postgres.uri(database)}"\n{s3.config(path)}')
    with server.client() as client:
        use(client)
        client.run("create user ada password 'a long-distance flier too'")
        rows = client.rows("select * from t order by id")
        assert "backup of snapshot" in backup(server, tmp_path / "backup")
    verify(tmp_path / "backup")
    database, path = postgres.database(), s3.path()
    text = f'[lake]\ncatalog = "{postgres.uri(database)}"\n{s3.config(path)}'
    assert "restored snapshot" in restore(tmp_path / "backup", tmp_path / "other", text)
    restored = start(home=tmp_path / "other", config=text)
    with restored.client() as client:
        assert client.rows("select * from t order by id") == rows
        with lakes.Duck(postgres.duckdb(database), path, s3=s3) as judge:
            assert lakes.disagreements(client, judge, history=True) == []
            judge.run("insert into many select i from range(1000) r(i)")
            assert lakes.disagreements(client, judge) == []
        client.run("insert into t (id, label) values (-5, 'after')")
        client.run("call compact()")
        assert client.value("select label from t where id = -5") == "after"
    with restored.client("ada", "a long-distance flier too") as ada:
        assert ada.value("select 1") == 1
    said = restore(tmp_path / "backup", tmp_path / "third", text, code=73)
    assert "empty one" in said, said
    assert set(files(tmp_path / "third")) <= {"data/lock", "godwit.toml"}


def test_files_of_elsewhere(start, tmp_path):
    """A file that DuckDB added to the lake from another directory belongs to it, and comes along."""
    server = start(home=tmp_path / "home")
    with server.client() as client:
        client.run("create table t (a int, b varchar)")
        client.run("insert into t values (0, 'own')")
        with lakes.beside(server) as judge:
            judge.run(f"copy (select i::int as a, 'v' || i as b from range(100) r(i)) to '{tmp_path / 'added.parquet'}'",
                      f"call ducklake_add_data_files('lake', 't', '{tmp_path / 'added.parquet'}')")
        assert client.value("select count(*) from t") == 101
    backup(server, tmp_path / "backup")
    server.stop()
    (tmp_path / "added.parquet").unlink()
    restore(tmp_path / "backup", tmp_path / "other")
    with start(home=tmp_path / "other").client() as client:
        assert client.rows("select count(*), max(a) from t") == [(101, 99)]
