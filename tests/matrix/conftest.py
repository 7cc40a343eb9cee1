"""Fixtures that several clients share."""

import pytest

import steps


@pytest.fixture(scope="session")
def parameters(tmp_path_factory):
    """A directory of Arrow files, one for each type that a client may bind."""
    directory = tmp_path_factory.mktemp("parameters")
    steps.write_typed_values(directory)
    return directory
