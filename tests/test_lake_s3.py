"""A lake whose files are in S3."""

import lakes
from godwit_server import eventually
from test_lake_postgres import config, use


def test_all_of_it(start, s3):
    path = s3.path()
    text = f"[lake]\n{s3.config(path)}"
    server = start(config=text)
    prefix = path.removeprefix(f"s3://{s3.bucket}/")
    with server.client() as client:
        use(client)
        assert s3.keys(prefix), "files are there"
        assert not list((server.data_dir / "lake").rglob("*.parquet")), "and only there"
        catalog = f"sqlite:{server.data_dir / 'lake' / 'catalog.sqlite'}"
        with lakes.Duck(catalog, path, s3=s3) as judge:
            assert lakes.disagreements(client, judge, history=True) == []
            judge.run("insert into many select i from range(1000) r(i)", "delete from many where a = 7")
            assert lakes.disagreements(client, judge) == []
    server.stop()
    with start(home=server.home, config=text).client() as client:
        assert client.value("select count(*) from many") == 50_998
        assert s3.secret not in server.log()


def test_what_failed_leaves_no_objects(start, s3):
    path = s3.path()
    server = start(config=f'[lake]\n{s3.config(path)}orphan_grace = "1s"\nmaintenance_interval = "1s"\n')
    prefix = path.removeprefix(f"s3://{s3.bucket}/")
    with server.client() as client:
        client.run("create table t (n bigint)")
        transaction = client.begin()
        client.run("insert into t select value from generate_series(1, 100000) g(value)", transaction)
        client.rollback(transaction)
        eventually(lambda: not [key for key in s3.keys(prefix) if key.endswith(".parquet")], "its files are gone")


def test_postgres_and_s3_together(start, postgres, s3):
    """What several machines share."""
    database, path = postgres.database(), s3.path()
    text = config(postgres, database) + s3.config(path)
    one, other = start(config=text), start(config=text)
    with one.client() as client, other.client() as second:
        use(client)
        assert second.value("select count(*) from many") == 50_000
        assert second.run("delete from many where a % 2 = 0") == 25_000
        assert client.value("select count(*) from many") == 25_000
        with lakes.Duck(postgres.duckdb(database), path, s3=s3, read_only=True) as judge:
            assert lakes.disagreements(client, judge) == []


def test_a_bucket_that_is_not_there(start, s3):
    """Told at the start or with the first file, and clearly."""
    text = f"[lake]\n{s3.config('s3://no-such-bucket/lake/')}"
    try:
        server = start(config=text)
    except RuntimeError as error:
        assert "no-such-bucket" in str(error) or "NoSuchBucket" in str(error)
        return
    with server.client() as client:
        client.run("create table t (n bigint)")
        try:
            client.run("insert into t select value from generate_series(1, 100000) g(value)")
        except Exception as error:  # noqa: BLE001
            assert "bucket" in str(error).lower()
        else:
            raise AssertionError("rows were written to nowhere")
        assert client.value("select count(*) from t") == 0
