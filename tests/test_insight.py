"""Insight: what runs and what has run, in tables that survive a restart; KILL; the log of slow queries."""

import json
import signal
import threading
import time

import pyarrow as pa
import pyarrow.flight as flight
import pytest

import wire
from godwit_server import PASSWORD, USER, Server, eventually, hashed, run

ENDLESS = (
    "select count(*) from generate_series(1, 1000000000) a, generate_series(1, 1000000000) b where a.value * b.value = {}"
)
STREAM = "select a.value * b.value + {} as v from generate_series(1, 1000) a, generate_series(1, 1000000000) b"
SECOND = "second password"


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A server with a second user, ada, who is no administrator."""
    config = f'[users.ada]\npassword_hash = "{hashed(SECOND)}"\nroles = []\n[log]\nformat = "json"\nslow_query = "0s"\n'
    with Server(tmp_path_factory.mktemp("watched"), config=config) as server:
        yield server


def rows(client, sql):
    return client.query(sql).to_pylist()


def about(client, sql, columns="*"):
    """The rows of system.queries about this statement, newest first."""
    text = sql.replace("'", "''")
    return rows(client, f"select {columns} from system.queries where sql = '{text}'")


def running(client, sql):
    """The id of this statement, once it runs."""
    text = sql.replace("'", "''")
    ask = f"select query_id from system.queries where sql = '{text}' and state = 'running'"
    (row,) = eventually(lambda: rows(client, ask), "it runs")
    return row["query_id"]


class Asking(threading.Thread):
    """Asks for the rows of a statement that gives none, and keeps what came instead."""

    def __init__(self, client, sql):
        super().__init__(daemon=True)
        self.client, self.sql, self.error, self.ended = client, sql, None, None
        self.start()

    def run(self):
        try:
            # Not all at once: pyarrow would take the end for a Ctrl-C and interrupt the test.
            ticket = self.client.info(wire.statement(self.sql)).endpoints[0].ticket
            self.client.flight.do_get(ticket, self.client.options).read_chunk()
        except (pa.ArrowException, flight.FlightError) as error:
            self.error = error
        self.ended = time.monotonic()

    def told(self):
        self.join(20)
        assert not self.is_alive()
        return self.error


# What runs, and what has run.


def test_a_statement_leaves_its_times(watched):
    with watched.client() as client:
        client.query("select value as seen from generate_series(1, 1000)")
        (row,) = about(client, "select value as seen from generate_series(1, 1000)")
    assert (row["state"], row["code"], row["kind"], row["user_name"]) == ("finished", "ok", "query", USER)
    assert (row["rows"], row["error"], row["spilled_bytes"]) == (1000, None, 0)
    assert row["bytes"] >= 8000 and row["ended"] >= row["started"]
    assert row["planning_seconds"] > 0 and row["execution_seconds"] > 0
    assert row["queued_seconds"] + row["execution_seconds"] + row["sending_seconds"] <= row["seconds"]


def test_what_fails_says_why(watched):
    with watched.client() as client:
        for sql, code in [("select * from nowhere_at_all", "not_found"), ("selec 7", "syntax"), ("select 7 / (1 - 1)", "invalid_input")]:
            with pytest.raises((pa.ArrowException, KeyError)):
                client.query(sql)
            (row,) = about(client, sql)
            assert (row["state"], row["code"]) == ("failed", code), row
            assert row["error"]


def test_others_are_not_seen(watched):
    with watched.client() as admin, watched.client("ada", SECOND) as ada:
        ada.query("select 'of ada'")
        admin.query("select 'of the admin'")
        users = "select distinct user_name from system.{} order by 1"
        for table in ("queries", "sessions"):
            assert rows(ada, users.format(table)) == [{"user_name": "ada"}]
            assert {"user_name": "ada"} in rows(admin, users.format(table))
        assert about(admin, "select 'of ada'") and not about(ada, "select 'of the admin'")
        scopes = "select distinct scope from system.settings order by 1"
        assert rows(ada, scopes) == [{"scope": "session"}]
        assert rows(admin, scopes) == [{"scope": "server"}, {"scope": "session"}]


def test_settings_show_the_configuration_without_its_secrets(watched):
    with watched.client() as client:
        settings = {row["name"]: row for row in rows(client, "select * from system.settings")}
        assert rows(client, "show all") and "scope" not in rows(client, "show all")[0]
    assert settings["log.format"]["value"] == "json" and settings["log.format"]["default"] == "text"
    assert settings["users.ada.password_hash"]["value"] == "(hidden)"
    assert settings["data_dir"]["value"] == str(watched.data_dir)
    assert "argon2" not in str([row["value"] for row in settings.values()]) and PASSWORD not in str(settings)


def test_prepared_statements_and_transactions(watched):
    with watched.client() as client, watched.client("ada", SECOND) as ada:
        prepared = client.prepare("select ? + 1 as prepared_here")
        (row,) = rows(client, "select * from system.statements")
        assert (row["sql"], row["kind"], row["parameters"]) == ("select ? + 1 as prepared_here", "query", 1)
        assert row["user_name"] == USER and row["idle_seconds"] < 60
        transaction = client.begin()
        (row,) = rows(client, "select * from system.transactions")
        assert (row["id"], row["named"], row["user_name"]) == (transaction.hex(), True, USER)
        assert rows(ada, "select * from system.statements") == rows(ada, "select * from system.transactions") == []
        client.rollback(transaction)
        client.close_prepared(prepared.handle)
        assert rows(client, "select * from system.statements") == rows(client, "select * from system.transactions") == []


def test_the_history_survives_a_restart(start):
    server = start()
    with server.client() as client:
        client.query("select 'before' as one")
        with pytest.raises((pa.ArrowException, KeyError)):
            client.query("select * from nowhere_before")
    server.stop()
    directory = server.data_dir / "history"
    assert directory.stat().st_mode & 0o777 == 0o700
    (path,) = directory.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    again = start(home=server.home)
    with again.client() as client:
        (row,) = about(client, "select 'before' as one")
        assert (row["state"], row["rows"], row["user_name"]) == ("finished", 1, USER)
        (row,) = about(client, "select * from nowhere_before")
        assert (row["state"], row["code"]) == ("failed", "not_found")
        client.query("select 'killed with it' as two")
        eventually(lambda: "killed with it" in path.read_text(encoding="utf-8"), "it is written")
    again.stop(signal.SIGKILL)
    with open(path, "ab") as file:
        file.write(b'{"query_id":"torn')
    last = start(home=server.home)
    with last.client() as client:
        assert about(client, "select 'before' as one") and about(client, "select 'killed with it' as two")
        client.query("select 'after' as three")
        assert about(client, "select 'after' as three")
    last.stop()
    lines = path.read_text(encoding="utf-8").splitlines()
    assert "'after'" in json.loads(lines[-1])["sql"]


def test_the_history_is_bounded(start):
    server = start(config="[history]\nmax_rows = 10\n")
    with server.client() as client:
        for at in range(25):
            client.query(f"select {at} as n")
        assert client.value("select count(*) from system.queries where ended is not null") == 10
    server.stop()
    lines = [line for path in (server.data_dir / "history").iterdir() for line in path.read_text().splitlines()]
    assert 10 <= len(lines) <= 20
    with start(home=server.home, config="[history]\nmax_rows = 0\n").client() as client:
        client.query("select 1")
        assert client.value("select count(*) from system.queries where ended is not null") == 0


def test_literals_are_hidden_in_the_history_too(start):
    server = start(config='[audit]\nredact_literals = true\n[history]\nplan_after = "1ms"\n[log]\nslow_query = "1ms"\nslow_query_plan = true\n')
    with server.client() as client:
        client.query("select count(*) from generate_series(1, 300000) t where value <> 8412097531")
        shown = rows(client, "select sql, plan from system.queries where kind = 'query' and ended is not null")
    server.stop()
    (path,) = (server.data_dir / "history").iterdir()
    for text in (str(shown), path.read_text(encoding="utf-8"), server.log()):
        assert "8412097531" not in text and "count(*)" in text


# Ending what runs.


@pytest.mark.parametrize("how", ["sql", "action"])
def test_kill_a_query(watched, how):
    """One that computes for hours and gives nothing meanwhile."""
    sql = ENDLESS.format(7 if how == "sql" else 8)
    with watched.client() as client, watched.client() as other:
        asking = Asking(client, sql)
        query = running(other, sql)
        since = time.monotonic()
        if how == "sql":
            other.run(f"kill query '{query}'")
        else:
            assert other.action("KillQuery", query.encode()) == []
        eventually(lambda: not rows(other, f"select 1 from system.queries where query_id = '{query}' and ended is null"), "it has ended")
        assert time.monotonic() - since < 1
        error = asking.told()
        assert isinstance(error, flight.FlightCancelledError) and "killed by its own user" in str(error)
        (row,) = about(other, sql)
        assert (row["state"], row["code"]) == ("killed", "killed")
        for kill in (lambda: other.run(f"kill query '{query}'"), lambda: other.action("KillQuery", query.encode())):
            with pytest.raises((pa.ArrowException, KeyError), match="no query .* runs that user 'admin' may end"):
                kill()


def test_kill_a_session(watched):
    """Two queries at once, one of which is being read."""
    with watched.client() as client, watched.client() as other:
        asking = Asking(client, ENDLESS.format(9))
        ticket = client.info(wire.statement(STREAM.format(9))).endpoints[0].ticket
        reader = client.flight.do_get(ticket, client.options)
        reader.read_chunk()
        running(other, ENDLESS.format(9))
        running(other, STREAM.format(9))
        (row,) = rows(other, f"select session_id from system.queries where sql = '{ENDLESS.format(9)}'")
        session = row["session_id"]
        other.action("KillSession", session.encode())
        assert isinstance(asking.told(), flight.FlightCancelledError)
        with pytest.raises(flight.FlightCancelledError, match="killed by its own user"):
            while True:
                reader.read_chunk()
        assert rows(other, f"select * from system.sessions where id = '{session}'") == []
        assert client.value("select 1") == 1, "its client goes on in a new session"


def test_only_admins_end_what_others_run(watched):
    sql = ENDLESS.format(10)
    with watched.client() as admin, watched.client("ada", SECOND) as ada:
        asking = Asking(admin, sql)
        with watched.client() as other:
            query = running(other, sql)
            (row,) = rows(other, f"select session_id from system.queries where query_id = '{query}'")
            for what, name in ((query, "query"), (row["session_id"], "session")):
                told = []
                for id in (what, "0" * 32):
                    with pytest.raises((pa.ArrowException, KeyError)) as caught:
                        ada.run(f"kill {name} '{id}'")
                    told.append(str(caught.value).replace(id, "ID").split(" [query")[0])
                assert told[0] == told[1], "who may not know of it is told the same as of none"
            assert about(other, sql)[0]["state"] == "running"
            other.run(f"kill query '{query}'")
        assert isinstance(asking.told(), flight.FlightCancelledError)
        sql = ENDLESS.format(11)
        asking = Asking(ada, sql)
        admin.run(f"kill query '{running(admin, sql)}'")
        error = asking.told()
        assert isinstance(error, flight.FlightCancelledError) and "killed by an administrator" in str(error)
        sql = ENDLESS.format(12)
        asking = Asking(ada, sql)
        with watched.client("ada", SECOND) as second:
            second.run(f"kill query '{running(second, sql)}'")
        assert "killed by its own user" in str(asking.told())


def test_a_kill_is_audited(watched):
    sql = ENDLESS.format(13)
    with watched.client() as client, watched.client() as other:
        asking = Asking(client, sql)
        query = running(other, sql)
        other.run(f"kill query '{query}'")
        asking.told()
        (end,) = rows(other, 
            f"select outcome, code, detail from system.audit where query_id = '{query}' and event = 'statement_end'"
        )
        assert end == {"outcome": "killed", "code": "killed", "detail": f"killed by user '{USER}'"}
        kill = f"select kind, outcome from system.audit where sql = 'kill query ''{query}''' and event = 'statement_end'"
        assert rows(other, kill) == [{"kind": "kill", "outcome": "finished"}]


# The log of slow queries.


def test_slow_queries_are_logged(start):
    server = start(config='[log]\nformat = "json"\nslow_query = "50ms"\nslow_query_plan = true\n')
    slow = "select max(value % 7) as slow from generate_series(1, 20000000)"
    with server.client() as client:
        client.query("select 1 as quick")
        client.query(slow)
    server.stop()
    lines = [json.loads(line) for line in server.log().splitlines() if "slow query" in line]
    (line,) = [line for line in lines if slow in str(line)]
    fields = line.get("fields", line)
    assert (fields["sql"], fields["user"], fields["rows"], fields["outcome"]) == (slow, USER, 1, "ok")
    assert fields["milliseconds"] >= 50 and fields["execution_seconds"] >= 0.05
    assert "AggregateExec" in fields["plan"] and "output_rows" in fields["plan"]
    assert not any("quick" in str(line) for line in lines)
