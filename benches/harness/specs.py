"""What each client of a measure is told: the specification of its process (harness/workers.py)."""

from harness import load_client


def specs(measure, peer):
    """The specifications of all clients of a measure at a peer."""
    base = peer.durable(measure.client) if measure.durable else peer.spec(measure.client)
    mine = base | measure.spec | measure.differs.get(peer.name, {})
    return [_complete(mine, peer.place, number) for number in range(measure.clients)]


def _complete(spec, place, number):
    """The specification of one client: names of files and tables filled in, and the program where it is not Python's."""
    spec = spec | {"number": number}
    for key in spec.keys() & {"file", "into"}:
        spec[key] = spec[key].format(memory=place.memory, tpch=place.tpch, number=number)
    if spec["client"] == "load":
        spec["program"] = load_client.command(place, spec)
    return spec
