"""Each limit of the configuration has a test that meets it: here is where, and the list is complete."""

import json
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parent.parent
SCHEMA = json.loads((ROOT / "config" / "godwit.schema.json").read_text(encoding="utf-8"))

# Numbers, sizes and durations that bound nothing: how something is done, and how often.
NO_LIMITS = {
    "audit.flush_interval",
    "audit.repeat_logins_after",
    "auth.refresh_interval",
    "lake.commit_retries",
    "lake.compact_files",
    "lake.flush_rows",
    "lake.maintenance_interval",
    "query.batch_rows",
    "query.target_partitions",
    "query.worker_threads",
    "tls.reload_interval",
    "wire.message_bytes",
}


def is_bound(key):
    """Whether a key takes a number, a size or a duration."""
    kinds = key.get("type")
    return key.get("x-kind") in ("duration", "size", "size-or-auto", "count-or-auto") or kinds == "integer" or (
        isinstance(kinds, list) and "integer" in kinds
    )


def limits():
    for section, level in SCHEMA["properties"].items():
        for name, key in level.get("properties", {}).items():
            if is_bound(key) and f"{section}.{name}" not in NO_LIMITS:
                yield f"{section}.{name}"


def texts_of_tests():
    """The texts of all tests: clients', integration tests, and those beside the code."""
    for path in sorted(ROOT.glob("tests/test_*.py")):
        if path.name != "test_limits.py":
            yield path.read_text(encoding="utf-8")
    for path in sorted(ROOT.glob("crates/*/tests/**/*.rs")):
        yield path.read_text(encoding="utf-8")
    for path in sorted(ROOT.glob("crates/*/src/**/*.rs")):
        text = path.read_text(encoding="utf-8")
        if path.name == "tests.rs" or "tests" in path.parent.name:
            yield text
        elif "#[cfg(test)]" in text:
            yield text.split("#[cfg(test)]", 1)[1]


TESTS = list(texts_of_tests())


NAMES = [key.split(".")[1] for key in limits()]


@pytest.mark.parametrize("key", sorted(limits()))
def test_a_limit_is_met_somewhere(key):
    section, name = key.split(".")
    # In an error that is expected, in TOML, in a variable; or by itself, where no other section has such a name.
    written = rf"{section}\\?\.{name}\b|\[{section}\](?:(?!\n\[|\\n\[).)*?(?:\b|\\n){name} *=|GODWIT_{section}_{name}\b"
    if NAMES.count(name) == 1 and "_" in name:
        written += rf"|\b{name}\b"
    written = re.compile(written, re.DOTALL | re.IGNORECASE)
    assert any(written.search(text) for text in TESTS), f"no test names {key}"


def test_what_is_no_limit_is_a_key():
    known = {f"{section}.{name}" for section, level in SCHEMA["properties"].items() for name in level.get("properties", {})}
    assert NO_LIMITS <= known
