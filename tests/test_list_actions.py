"""ListActions: every action that is served, with what it does."""

import wire


def test_list_actions(session_client):
    actions = {action.type: action.description for action in session_client.flight.list_actions(session_client.options)}
    assert set(actions) >= {
        "CreatePreparedStatement",
        "ClosePreparedStatement",
        "CancelFlightInfo",
        "RenewFlightEndpoint",
        "SetSessionOptions",
        "GetSessionOptions",
        "CloseSession",
    }
    assert all(actions.values()), "each says what it does"


def test_each_listed_action_is_served(session_client, server):
    """None of them is unknown or refused as a whole: with an empty body they complain of that, or answer."""
    with server.raw() as raw:
        for action in session_client.flight.list_actions(session_client.options):
            assert raw.code("DoAction", wire.action(action.type)) != "UNIMPLEMENTED", action.type


def test_descriptions_are_sentences(session_client):
    for action in session_client.flight.list_actions(session_client.options):
        assert action.description[0].isupper() and action.description.endswith("."), action
        assert "not served" not in action.description
