"""One client in a process of its own: `worker.py SPEC`, with the specification as JSON.

It connects, says {"ready": …}, and then does its work once for each line `go` of its standard input, and answers with a
line of JSON: when it began and ended on the clock that all processes of a machine share, its processor time, and what the
action counted. An error is {"error": …}; the connection is kept.
"""

import importlib
import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from clients import actions


def once(action, client, spec):
    cpu, begin = time.process_time(), time.monotonic()
    counted = action(client, spec)
    took = {"begin": begin, "end": time.monotonic(), "client_cpu": time.process_time() - cpu}
    return took | counted


def guarded(work):
    try:
        return work()
    except Exception as error:  # noqa: BLE001  whatever a peer's driver raises belongs into the results
        return {"error": f"{type(error).__name__}: {error}"[:400]}


def main():
    spec = json.loads(sys.argv[1])
    client = None

    def connect():
        nonlocal client
        client = importlib.import_module(f"clients.{spec['client']}").Client(spec)
        actions.PREPARE.get(spec["action"], lambda *_: None)(client, spec)
        return {"ready": True}

    print(json.dumps(guarded(connect)), flush=True)
    for line in sys.stdin:
        if line.strip() == "go":
            before = actions.BEFORE.get(spec["action"], lambda *_: None)
            action = actions.ACTIONS[spec["action"]]
            print(json.dumps(guarded(lambda: (before(client, spec), once(action, client, spec))[1])), flush=True)
    if spec.get("abandon"):
        # Closing the connection would end the session that others use too.
        os._exit(0)


main()
