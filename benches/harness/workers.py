"""Clients, each a process (clients/worker.py, or the load client in Rust), and one round of their work beside the server's
figures for it."""

import contextlib
import json
import os
import pathlib
import select
import subprocess
import sys
import time

from harness import processes, sockets, stats

WORKER = pathlib.Path(__file__).parent.parent / "clients" / "worker.py"


class Failed(Exception):
    """A client said that something went wrong, or nothing in time."""


class Worker:
    """A client's process. Nothing that it says on its standard error is shown unless it ends."""

    def __init__(self, spec, log):
        command = spec.get("program") or [sys.executable, str(WORKER), json.dumps(spec)]
        self.log = log
        with open(log, "ab") as errors:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=processes.environment(),
                preexec_fn=processes.die_with_parent)
        self.buffer = b""

    def go(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(b"go\n")
            self.process.stdin.flush()

    def answer(self, limit):
        """The next line of JSON that it says."""
        deadline, out = time.monotonic() + limit, self.process.stdout.fileno()
        while b"\n" not in self.buffer:
            ready, _, _ = select.select([out], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise Failed(f"no answer within {limit:.0f} s")
            data = os.read(out, 1 << 16)
            if not data:
                said = pathlib.Path(self.log).read_text(errors="replace").strip()[-300:]
                raise Failed(f"the client ended with code {self.process.wait()}: {said}")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Crew:
    """The clients of one measure at one peer. They stay connected from round to round."""

    def __init__(self, peer, specs, limit):
        self.peer, self.limit = peer, limit
        self.workers = [Worker(spec, peer.home / "clients.log") for spec in specs]
        try:
            for worker in self.workers:
                worker.answer(limit)
        except BaseException:
            self.close()
            raise

    def round(self):
        """All clients work at once; what that took."""
        server = self.peer.pid
        ports = {self.peer.port} if server else set()
        if server:
            processes.forget_peak(server)
        cpu, sent = (processes.cpu_seconds(server) if server else 0), sockets.connections(ports)
        for worker in self.workers:
            worker.go()
        answers = [worker.answer(self.limit) for worker in self.workers]
        sample = together(answers)
        if server:
            out, into = sockets.moved(sent, sockets.connections(ports))
            sample |= {"server_cpu": processes.cpu_seconds(server) - cpu, "peak_bytes": processes.peak_bytes(server),
                       "wire_bytes": out + into}
        return sample

    def close(self):
        for worker in self.workers:
            worker.close()


def together(answers):
    """One sample from the answers of all clients of a round."""
    sample = {"wall": max(each["end"] for each in answers) - min(each["begin"] for each in answers),
              "client_cpu": sum(each["client_cpu"] for each in answers)}
    for counted in ("rows", "bytes", "count"):
        if counted in answers[0]:
            sample[counted] = sum(each[counted] for each in answers)
    for latency in ("p50", "p99"):
        if latency in answers[0]:
            sample[latency] = stats.median(each[latency] for each in answers)
    if "seconds" in answers[0]:
        sample["seconds"] = answers[0]["seconds"]
    return sample
