"""The file of results: every sample of every round, from which tables and charts are made."""

import json
import pathlib

from harness import chart, tables


def write(path, found):
    """Writes the JSON file, and the table and the chart beside it."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rounded(found), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    shown = read(path)
    path.with_suffix(".md").write_text(tables.whole(shown), encoding="utf-8")
    path.with_suffix(".svg").write_text(chart.draw(shown), encoding="utf-8")


def read(path):
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))


def rounded(value):
    """The same with floats of five digits, which is more than any of them is worth."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(each) for each in value]
    return value
