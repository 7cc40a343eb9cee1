"""What a measure is, and the value of a sample of it."""

import dataclasses

from harness import stats

# Unit of a value, and whether more of it is better.
UNITS = {"GB/s": True, "s": False, "1/s": True, "MB": False}


@dataclasses.dataclass(frozen=True)
class Measure:
    """One kind of work, which some peers do in turn."""

    name: str
    title: str
    unit: str
    peers: tuple
    client: str
    spec: dict
    clients: int = 1
    # What is different for some peers, {peer: what is added to the specification}.
    differs: dict = dataclasses.field(default_factory=dict)
    # Peers that are so slow that one round must do; they are measured for completeness.
    once: tuple = ()
    durable: bool = False
    # "wall", or of a list of queries the "total" or the "geometric" mean.
    of: str = "wall"
    # For how long a client may say nothing.
    limit: float = 120.0


def value(unit, of, sample):
    """The figure of a sample in the unit of its measure."""
    if unit == "GB/s":
        return sample["bytes"] / sample["wall"] / 1e9
    if unit == "1/s":
        return sample["count"] / sample["wall"]
    if unit == "MB":
        return sample["peak_bytes"] / 1e6
    if of == "total":
        return sum(sample["seconds"].values())
    if of == "geometric":
        return stats.geometric_mean(sample["seconds"].values())
    return sample["wall"]
