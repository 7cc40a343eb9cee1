"""Runs the clients that are programs of their own: each prints its reports as lines of JSON, and pauses where the server is
to be looked at."""

import json
import os
import pathlib
import queue
import subprocess
import threading

import steps
from godwit_server import die_with_parent

HERE = pathlib.Path(__file__).parent
LIMIT = 120.0


class Reports(dict):
    """{step: report} of one run."""

    def value(self, step):
        report = self[step]
        assert "error" not in report, report
        return report["value"]

    def error(self, step):
        report = self[step]
        assert "error" in report, report
        return report["error"]

    def values(self, prefix):
        """What the steps with this prefix saw, by the rest of their names."""
        named = {step.removeprefix(prefix): step for step in self if step.startswith(prefix)}
        return {name: self.value(step) for name, step in named.items()}


def run(command, observer, marks, env=None):
    """Runs a program to its end. At its pause `cancel` the query with its mark must run, at `cancelled` no more."""
    program = subprocess.Popen(
        [*map(str, command)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
        preexec_fn=die_with_parent,
    )
    lines, errors = queue.Queue(), []
    readers = [
        threading.Thread(target=lambda: [lines.put(line) for line in program.stdout] + [lines.put(None)], daemon=True),
        threading.Thread(target=lambda: errors.extend(program.stderr), daemon=True),
    ]
    for reader in readers:
        reader.start()
    reports, marks = Reports(), iter(marks)
    freed = None
    try:
        while (line := lines.get(timeout=LIMIT)) is not None:
            if not line.startswith("{"):
                continue
            report = json.loads(line)
            if report.get("pause") == "cancel":
                freed = steps.freed(observer, next(marks))
                freed.__enter__()
            elif report.get("pause") == "cancelled":
                freed.__exit__(None, None, None)
            else:
                reports[report["check"]] = report
                continue
            program.stdin.write("\n")
            program.stdin.flush()
        assert program.wait(LIMIT) == 0, "".join(errors)[-3000:]
    finally:
        program.kill()
        program.wait()
        for reader in readers:
            reader.join()
        for pipe in (program.stdin, program.stdout, program.stderr):
            pipe.close()
    assert next(marks, None) is None, "every mark was cancelled"
    return reports


def go(program, *arguments):
    """The command of a program of tests/matrix/go."""
    return [HERE / "go" / "target" / program, *arguments]


def java(*arguments):
    """The command of a client in tests/jdbc."""
    target = HERE.parent / "jdbc" / "target"
    java = ["java", "--add-opens=java.base/java.nio=ALL-UNNAMED", "-Xmx512m", "-XX:TieredStopAtLevel=1"]
    return [*java, "-cp", f"{target / 'classes'}:{target / 'dependency'}/*", "godwit.Matrix", *arguments]
