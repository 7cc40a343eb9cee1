"""The load client in Rust (benches/load), compiled once for its sources."""

import hashlib
import pathlib
import shutil
import subprocess

from harness import processes
from peers.base import Missing

SOURCES = pathlib.Path(__file__).parent.parent / "load"


def program(place):
    """The path of the compiled client."""
    key = hashlib.sha256()
    for path in sorted(SOURCES.glob("**/*")):
        if path.is_file() and "target" not in path.parts:
            key.update(path.read_bytes())
    made = place.cache / f"load-{key.hexdigest()[:16]}"
    if made.exists():
        return made
    if shutil.which("cargo") is None:
        raise Missing("the load client needs cargo")
    target = place.cache / "load-target"
    built = subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=SOURCES, capture_output=True, text=True,
                           env=processes.environment(CARGO_TARGET_DIR=str(target)), check=False)
    if built.returncode:
        raise Missing(f"the load client does not compile: {built.stderr.strip()[-300:]}")
    shutil.copy2(target / "release" / "load", made)
    return made


def command(place, spec):
    """How it is called for a specification."""
    words = (program(place), spec["address"], spec["sql"], spec["connections"], spec["seconds"], spec["authorization"])
    return [str(word) for word in words]
