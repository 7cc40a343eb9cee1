"""The audit log: a flood of failed logins, and what a session is told without SQL."""

import wire
from godwit_server import USER, eventually
from rawgrpc import Raw, basic
from test_audit import events, found


def test_a_flood_of_failed_logins_is_few_events(start):
    limits = "".join(f"{key} = 100000\n" for key in ("failed_logins", "failed_logins_per_address", "failed_logins_per_user"))
    server = start(config=f'[audit]\nrepeat_logins_after = "8s"\n[auth]\n{limits}')

    def failed(**wanted):
        return [event for event in events(server) if event["event"] == "login" and event["outcome"] == "failed"
                and all(event.get(key) == value for key, value in wanted.items())]

    def counted(**wanted):
        """How many failures the events tell of."""
        return sum(int(event["detail"].split()[0]) if "detail" in event else 1 for event in failed(**wanted))

    def attempts(user, count):
        with Raw(server.address, basic(user, "guess")) as raw:
            for _ in range(count):
                assert raw.code("GetFlightInfo", wire.descriptor(wire.statement("select 1"))) == "UNAUTHENTICATED"

    with server.client() as client:
        attempts("mallory", 1)
        eventually(lambda: len(failed(user="mallory")) == 1, "the first is noted at once")
        attempts("mallory", 30)
        attempts("eve", 1)
        for number in range(50):
            attempts(f"nobody{number}", 1)
        assert failed(user="eve"), "another user's failure is not hidden by that"
        eventually(lambda: client.value("select 1") == 1 and counted() == 82, "all are counted when the time is over", 40)
        assert counted(user="mallory") == 31
        assert len(failed()) < 60


def test_options_of_a_session(server, client):
    client.set_options({"batch_rows": 12321})
    (end,) = found(server, event="statement_end", sql="SET batch_rows = 12321")
    assert (end["user"], end["kind"], end["outcome"]) == (USER, "setting", "finished")
    client.set_options({"timeout": "it's wrong"})
    (end,) = found(server, event="statement_end", sql="SET timeout = 'it''s wrong'")
    assert (end["outcome"], end["code"]) == ("failed", "invalid_input")
    client.set_options({"batch_rows": None})
    assert found(server, event="statement_start", sql="RESET batch_rows")
