"""Instructions that the server spends on a small query, beside those that were recorded last; no clock is asked."""

import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "benches"))

import godwit_server
import instructions

# Counts move by about one in a hundred from run to run. The rest is for what is added without being noticed.
SLACK = 1.2


@pytest.fixture(scope="module")
def counted():
    return instructions.count(godwit_server.binary())


@pytest.mark.parametrize("query", instructions.QUERIES)
def test_a_small_query_takes_no_more_instructions(query, counted):
    """Of a release build. After a change that is worth its instructions, or saves some, `make bench-instructions` records anew."""
    recorded = json.loads(instructions.STORED.read_text(encoding="utf-8"))[query]
    assert 0 < counted[query] <= recorded * SLACK, f"{counted[query]:,} instructions, where {recorded:,} were recorded"
