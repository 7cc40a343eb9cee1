"""Runs groups of measures: starts the peers, has them work in turn, keeps every sample and every failure."""

import dataclasses
import sys
import time

from harness import machine
from harness.measures import Measure, value
from harness.specs import specs
from harness.workers import Crew, Failed
from peers import ALL
from peers.base import Missing


@dataclasses.dataclass(frozen=True)
class Group:
    """Measures that share running servers. `starts` are the arguments of a peer's `start`; with `fresh` every sample has
    a server of its own, just started."""

    name: str
    measures: tuple
    rounds: int
    starts: dict = dataclasses.field(default_factory=dict)
    fresh: bool = False

    def peers(self):
        wanted = {name for measure in self.measures for name in measure.peers}
        return [name for name in ALL if name in wanted]


def say(text):
    print(text, file=sys.stderr, flush=True)


class Run:
    """What has been measured so far, in the form of the JSON file."""

    def __init__(self, place, only=None):
        self.place, self.only = place, only
        self.versions, self.missing, self.measures, self.seconds = {}, {}, [], {}

    def group(self, group):
        began = time.monotonic()
        if self.only:
            chosen = tuple(each for each in group.measures if any(word in each.name for word in self.only))
            group = dataclasses.replace(group, measures=chosen)
        if not group.measures:
            return
        say(f"== {group.name}")
        running = {}
        try:
            if group.fresh:
                for measure in group.measures:
                    self.measures.append(self._fresh(group, measure))
            else:
                for name in group.peers():
                    if (peer := self._start(group, name)) is not None:
                        running[name] = peer
                for measure in group.measures:
                    self.measures.append(self._measure(measure, group.rounds, running))
        finally:
            for peer in running.values():
                peer.stop()
        self.seconds[group.name] = round(time.monotonic() - began, 1)

    def _start(self, group, name):
        peer = ALL[name](self.place)
        try:
            peer.start(**group.starts.get(name, group.starts.get("*", {})))
            self.versions[name] = peer.version()
        except (Missing, RuntimeError, OSError) as why:
            peer.stop()
            self.missing[name] = str(why)
            say(f"   {peer.title} is missing: {why}")
            return None
        return peer

    def _record(self, measure):
        return {"name": measure.name, "title": measure.title, "unit": measure.unit, "of": measure.of, "clients": measure.clients,
                "samples": {}, "failed": {}, "load": machine.load()}

    def _measure(self, measure: Measure, rounds, running):
        record, crews = self._record(measure), {}
        peers = [running[name] for name in measure.peers if name in running]
        try:
            for peer in peers:
                self._guarded(record, peer, lambda: crews.__setitem__(peer.name, Crew(peer, specs(measure, peer), measure.limit)))
            # The first round warms up and is not kept.
            for turn in range(-1, rounds):
                order = [peer for peer in peers if peer.name not in measure.once or turn == 0]
                shift = turn % len(order) if order else 0
                for peer in order[shift:] + order[:shift]:
                    if peer.name in crews and peer.name not in record["failed"]:
                        self._sample(record, measure, peer, crews[peer.name], keep=turn >= 0)
        finally:
            for crew in crews.values():
                crew.close()
        self._compare(record)
        self._tell(record)
        return record

    def _sample(self, record, measure, peer, crew, *, keep):
        def work():
            sample = crew.round()
            sample["value"] = value(measure.unit, measure.of, sample)
            if keep:
                record["samples"].setdefault(peer.name, []).append(sample)

        self._guarded(record, peer, work)

    def _fresh(self, group, measure):
        record = self._record(measure)
        for _ in range(group.rounds):
            for name in measure.peers:
                peer = None if name in self.missing or name in record["failed"] else self._start(group, name)
                if peer is None:
                    continue
                try:
                    crew = []
                    self._guarded(record, peer, lambda: crew.append(Crew(peer, specs(measure, peer), measure.limit)))
                    for each in crew:
                        self._sample(record, measure, peer, each, keep=True)
                        each.close()
                finally:
                    peer.stop()
        self._tell(record)
        return record

    def _guarded(self, record, peer, work):
        """A peer that fails is out of the measure, and the results say why."""
        try:
            work()
        except (Failed, Missing, OSError, ValueError, KeyError) as why:
            record["failed"][peer.name] = str(why) or type(why).__name__
            say(f"   {record['name']}: {peer.title} failed: {why}")

    def _compare(self, record):
        """A peer that answers other rows than Godwit does something else, and is out."""
        rows = {name: {each.get("rows") for each in samples} for name, samples in record["samples"].items()}
        for name in rows.keys() - {"godwit"}:
            if "godwit" in rows and rows[name] != rows["godwit"]:
                del record["samples"][name]
                record["failed"][name] = f"it answers {sorted(rows[name])} rows, not {sorted(rows['godwit'])}"

    def _tell(self, record):
        parts = []
        for name, samples in record["samples"].items():
            values = sorted(sample["value"] for sample in samples)
            parts.append(f"{name} {values[len(values) // 2]:.4g}")
        say(f"   {record['name']} [{record['unit']}]: {', '.join(parts)}")
