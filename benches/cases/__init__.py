"""What is measured: a file for each subject, whose `groups(size)` gives its groups of measures."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Size:
    """How much of everything: `FULL` for the figures that are published, `QUICK` to see that everything works."""

    name: str
    megabytes: int
    scale: float
    rounds: int
    # Rounds of measures that take many seconds each.
    long_rounds: int
    # Seconds that a rate is counted for.
    seconds: float
    clients: tuple
    load_clients: tuple
    slow_seconds: float
    # Whether peers that no ratio needs are measured too.
    everyone: bool

    def peers(self, needed, others=()):
        """Peers of a measure in this size."""
        return tuple(needed) + (tuple(others) if self.everyone else ())


FULL = Size("full", 1024, 1, rounds=5, long_rounds=4, seconds=2.0, clients=(1, 4, 16), load_clients=(1, 8, 32), slow_seconds=20.0,
            everyone=True)
QUICK = Size("quick", 256, 0.1, rounds=3, long_rounds=3, seconds=0.5, clients=(1, 4, 16), load_clients=(1, 8, 32),
             slow_seconds=5.0, everyone=False)


def plural(count, noun):
    return f"{count} {noun}{'s' if count > 1 else ''}"
