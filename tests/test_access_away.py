"""What those who are no administrators see of files in mounts, and while the catalog, with all grants in it, is away."""

import contextlib
import re

import pyarrow as pa
import pyarrow.flight as flight
import pytest

import wire
from godwit_server import eventually
from rawgrpc import Failure, basic

PASSWORD = "a good password"
ERRORS = (pa.ArrowException, KeyError, OSError)
SECRET = "4711"


def failure(server, sql):
    """The code and message of a statement of rob's that fails."""
    with server.raw(basic("rob", PASSWORD)) as raw, pytest.raises(Failure) as failed:
        raw.call("GetFlightInfo", wire.descriptor(wire.statement(sql)))
    return failed.value.code, re.sub(r" \[query \w+\]", "", failed.value.message)


def furnish(admin):
    for sql in (
        f"create user rob password '{PASSWORD}'",
        "create table pay (who varchar, amount bigint)",
        f"insert into pay values ('rob', 1), ('ann', {SECRET})",
        "create table hidden (a bigint)",
        "create table both (a bigint)",
        "create view sums as select sum(amount) as total from pay",
        "grant usage on schema main to rob",
        "grant usage on schema files to rob",
        "grant select, insert on pay to rob",
        "grant select on view sums to rob",
        "grant select on files.seen to rob",
        "grant select on files.both to rob",
        "create policy own on pay to rob using (who = current_user())",
        "create policy own on files.seen to rob using (name = current_user())",
        "create mask pay on files.seen (amount) to rob using (0)",
    ):
        admin.run(sql)


def files_are_as_granted(rob):
    """Each shape once: one row is rob's, and its amount is not to be known."""
    for sql, rows in (
        ("select name, amount from seen", [("rob", 0)]),
        ("select count(*), sum(amount) from files.seen", [(1, 0)]),
        (f"select name from seen where amount = {SECRET} or name = 'ann'", []),
        ("with s as (select * from seen) select a.name from s a join s b using (name)", [("rob",)]),
        ("select n from (values ('rob'), ('ann')) v(n) where n not in (select name from seen)", [("ann",)]),
        ("select count(*) from both", [(2,)]),
    ):
        assert rob.rows(sql) == rows, sql
    with pytest.raises(ERRORS) as refused:
        rob.query("select * from files.unseen")
    assert "does not exist" in str(refused.value)


@pytest.fixture
def place(start, postgres, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text(f"name,amount\nrob,1\nann,{SECRET}\n")
    mounts = "".join(f'[mounts.{name}]\npath = "{file}"\n' for name in ("seen", "unseen", "both"))
    return start(config=f'[lake]\ncatalog = "{postgres.uri(postgres.database())}"\n{mounts}')


def test_without_the_catalog_nobody_sees_more(place, postgres):
    with place.client() as admin, contextlib.ExitStack() as stack:
        furnish(admin)
        rob = stack.enter_context(place.client("rob", PASSWORD))
        rob.run("create temp table own as select 1 as n")
        kept = rob.prepare("select count(*) from seen")
        files_are_as_granted(rob)
        assert rob.rows("select who, amount from pay") == [("rob", 1)]
        transaction = rob.begin()
        rob.run("insert into pay values ('rob', 2)", transaction)
        postgres.stop()
        try:
            # What needs no lake is as it was: files by grants and policies that are remembered, temporary tables, a login.
            files_are_as_granted(rob)
            assert rob.read(wire.prepared(kept.handle)).column(0).to_pylist() == [1]
            assert rob.run("insert into own values (2)") == 1
            assert rob.rows("select n, name from own, seen order by n") == [(1, "rob"), (2, "rob")]
            with place.client("rob", PASSWORD) as again:
                files_are_as_granted(again)
            # What is hidden from rob and what is nowhere fail alike.
            answers = {failure(place, f"select * from {name}") for name in ("hidden", "nowhere", "main.hidden", "s.nowhere")}
            assert len(answers) == 1, answers
            for sql in ("select * from pay", "select * from main.pay", "select * from sums", "insert into pay values ('rob', 3)",
                        "select * from pay, seen", "select * from pay at (version => 1)", "create table mine (a int)",
                        "select * from information_schema.tables", "grant select on pay to rob"):
                code, message = failure(place, sql)
                assert code == "UNAVAILABLE" and "catalog" in message, (sql, code, message)
                assert SECRET not in message and "current_user" not in message, message
            with pytest.raises(ERRORS, match="catalog"):
                rob.commit(transaction)
            for sql in ("create user eve password 'long enough'", "drop policy own on files.seen"):
                with pytest.raises(ERRORS, match="(?i)catalog|users and grants"):
                    admin.run(sql)
            files_are_as_granted(rob)
        finally:
            postgres.start()

        def is_back():
            try:
                return rob.rows("select who, amount from pay") == [("rob", 1)]
            except ERRORS:
                return False

        eventually(is_back, "the lake answers")
        files_are_as_granted(rob)
        assert rob.rows("select total from sums") == [(1,)]
        assert rob.rows("select n from own order by n") == [(1,), (2,)]
        with pytest.raises(flight.FlightUnauthorizedError, match="row policies"):
            rob.run("insert into pay values ('ann', 5)")
        code, message = failure(place, "select * from hidden")
        assert code == "NOT_FOUND" and "main.hidden" not in message, (code, message)
        admin.run("drop policy own on files.seen")
        assert rob.rows("select name, amount from seen order by 1") == [("ann", 0), ("rob", 0)]
