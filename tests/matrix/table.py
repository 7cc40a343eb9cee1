"""Writes the client matrix as Markdown."""

from cells import CLIENTS, STEPS, No
from pins import version

INTRODUCTION = """# Clients

Every row is a real package that `make test` runs against the real server, step by step: "{yes}" works, "{no}" is something that
the client itself cannot do, and a small number leads to what one should know of it. `tests/matrix/cells.py` holds the cells, the
test in the last column proves them, and `make matrix` writes this page.
"""

REMARKS = """
Two rows are recordings: the Grafana row makes the calls of Grafana's Flight SQL data source with the library that it is built
with, and the JDBC row makes those of DBeaver. The JDBC driver and arrow-java are 18.3.0, the last version that was in the
reachable Maven repository on 2026-11-21; 19.0.0 runs with `-Ddriver.version=19.0.0` where it is to be had. ADBC in Go is 1.12.0,
because the module proxy did not have 1.13.0 that day.

After ABORTED, which says that another transaction was first, an ADBC connection in manual-commit mode has to be opened anew: the
drivers written in Go, Python's among them, go on naming the transaction that has ended. DuckDB, where it attaches the lake
itself, does not know PRIMARY KEY and UNIQUE and may insert a value twice beside the server.
"""

YES, NO = "yes", "–"


def short():
    """The table for the README."""
    return "\n".join(lines(lambda cell: NO if isinstance(cell, No) else YES, last=False)) + "\n"


def page():
    """The page docs/clients.md."""
    notes = []

    def mark(cell):
        if cell is None:
            return YES
        said = cell.reason if isinstance(cell, No) else cell.note
        if said not in notes:
            notes.append(said)
        return f"{NO if isinstance(cell, No) else YES} <sup>{notes.index(said) + 1}</sup>"

    table = list(lines(mark, last=True))
    numbered = [f"{number}. {note}." for number, note in enumerate(notes, 1)]
    return "\n".join([INTRODUCTION.format(yes=YES, no=NO), *table, "", *numbered, REMARKS])


def lines(mark, last):
    """The lines of the table; `mark` writes a cell."""
    heads = ["client", "version", *STEPS.values(), *(["test"] if last else [])]
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    for client in CLIENTS:
        cells = [mark(client.cells.get(step)) for step in STEPS]
        file = [f"`{client.file}`"] if last else []
        yield f"| {' | '.join([client.name, version(client.package), *cells, *file])} |"
