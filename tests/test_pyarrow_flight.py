"""DoExchange through pyarrow.flight, the plain Flight client."""

import pyarrow as pa
import pyarrow.flight as flight
import pytest


def test_do_exchange_is_not_served(session_client):
    descriptor = flight.FlightDescriptor.for_command(b"select 1")
    with pytest.raises(pa.ArrowNotImplementedError):
        writer, reader = session_client.flight.do_exchange(descriptor, session_client.options)
        with writer:
            writer.done_writing()
            reader.read_all()
