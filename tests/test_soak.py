"""The short form of `make soak`: clients of every kind, some killed; afterwards the server holds what it held before."""

from soak.run import soak, table


def test_everything_comes_back(tmp_path):
    report = soak(tmp_path / "home", 8)
    print(table(report))
    assert report["left"] == []
    assert report["clients"]["killed"] >= 8 and report["statements"] > 20
    assert report["spilled_bytes"] > 0
