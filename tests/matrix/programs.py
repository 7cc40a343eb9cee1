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
LIMIT = 60.0


class Reports(dict):
    """{step: report} of one run; and the marks of the queries that the server let go of, or what was wrong."""

    def __init__(self):
        super().__init__()
        self.freed = []

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
    try:
        reports = listen(lines, program.stdin, observer, marks)
        assert program.wait(LIMIT) == 0, "".join(errors)[-3000:]
    finally:
        program.kill()
        program.wait()
        for reader in readers:
            reader.join()
        for pipe in (program.stdin, program.stdout, program.stderr):
            pipe.close()
    return reports


def listen(lines, answers, observer, marks):
    """Collects the reports; looks at the server and answers where the program pauses."""
    reports, marks, freed = Reports(), iter(marks), None
    while (line := next_line(lines, reports)) is not None:
        if not line.startswith("{"):
            continue
        report = json.loads(line)
        if "check" in report:
            reports[report["check"]] = report
            continue
        # The other steps are worth seeing even if this one fails.
        try:
            if report["pause"] == "cancel":
                mark = next(marks)
                freed = steps.freed(observer, mark)
                freed.__enter__()
            else:
                freed.__exit__(None, None, None)
                reports.freed.append(mark)
        except AssertionError as error:
            reports.freed.append(str(error))
        answers.write("\n")
        answers.flush()
    return reports


def next_line(lines, reports):
    try:
        return lines.get(timeout=LIMIT)
    except queue.Empty:
        raise AssertionError(f"silent for {LIMIT:.0f} s after the steps {list(reports)}") from None


def go(program, *arguments):
    """The command of a program of tests/matrix/go."""
    return [HERE / "go" / "target" / program, *arguments]


def java(*arguments):
    """The command of a client in tests/jdbc."""
    target = HERE.parent / "jdbc" / "target"
    java = ["java", "--add-opens=java.base/java.nio=ALL-UNNAMED", "-Xmx512m", "-XX:TieredStopAtLevel=1"]
    return [*java, "-cp", f"{target / 'classes'}:{target / 'dependency'}/*", "godwit.Matrix", *arguments]
