"""`make bench-docs`: puts the tables of the stored results into docs/performance.md and README.md, between their markers."""

import argparse
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))

from harness import results, tables

STORED = HERE / "results" / "bench.json"
PAPERS = {"README.md": tables.short, "docs/performance.md": tables.whole}
BETWEEN = re.compile(r"(<!-- bench: written by `make bench-docs` -->\n).*?(<!-- end of bench -->)", re.DOTALL)


def filled(text, made):
    """A paper with this text between its markers."""
    parts = BETWEEN.subn(lambda found: f"{found[1]}{made.rstrip()}\n{found[2]}", text)
    if parts[1] != 1:
        raise ValueError(f"the paper has {parts[1]} places for the figures, not one")
    return parts[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, and fail if something would change")
    asked, found, stale = parser.parse_args(), results.read(STORED), []
    for name, make in PAPERS.items():
        path = HERE.parent / name
        before = path.read_text(encoding="utf-8")
        after = filled(before, make(found))
        if before != after:
            stale.append(name)
            if not asked.check:
                path.write_text(after, encoding="utf-8")
    print(f"{'stale' if asked.check else 'written'}: {', '.join(stale) or 'nothing'}")
    return 1 if asked.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
