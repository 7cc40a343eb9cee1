"""Runs tests/sql/*.slt through Flight, and has DuckDB look at what they leave behind.

The files are in the format of sqllogictest: records that an empty line ends, `#` begins a comment.

    statement ok | statement count N | statement error REGEX
    SQL
    query TYPES [rowsort]       one letter a column: I integer, R real, B boolean, T anything else
    SQL
    ----
    a row a line, its values parted by one blank
    let NAME                    the one value of a query, for `${NAME}` in what follows; beyond the standard
    SQL
    session NAME                the records after it run in another session, made at its first use; beyond the standard

Statements are sent as updates, queries and what is to fail as queries. Values: `NULL`; `true` and `false`; reals with three decimals; `(empty)`
for the empty text; dates and times in ISO form; bytes as hexadecimal; lists, structs and maps as JSON. Every file begins in
a schema of its own, which `${schema}` names; `${place}` is a directory that COPY may use."""

import datetime
import json
import pathlib
import re

import pyarrow as pa
import pytest

import lakes

FILES = sorted((pathlib.Path(__file__).parent / "sql").glob("*.slt"))


def jsonable(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (datetime.date, datetime.time, datetime.datetime)):
        return value.isoformat()
    return str(value)


def text_of(value, kind):
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if kind == "R":
        return f"{float(value):.3f}"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ")
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(value, default=jsonable, ensure_ascii=False)
    return str(value) or "(empty)"


def lines_of(table, kinds, rowsort):
    """The rows of a result as the file has them."""
    assert table.num_columns == len(kinds), f"{table.num_columns} columns, and not {len(kinds)}: {table.column_names}"
    for kind, field in zip(kinds, table.schema):
        assert (kind == "I") == pa.types.is_integer(field.type), f"column {field.name} is {field.type}, and not {kind}"
        assert (kind == "B") == pa.types.is_boolean(field.type), f"column {field.name} is {field.type}, and not {kind}"
    rows = zip(*(column.to_pylist() for column in table.columns))
    lines = [" ".join(text_of(value, kind) for value, kind in zip(row, kinds)) for row in rows]
    return sorted(lines) if rowsort else lines


def records(path):
    """The records of a file as (line number, words of the first line, the other lines)."""
    block, start = [], 0
    for number, line in enumerate([*path.read_text(encoding="utf-8").split("\n"), ""], 1):
        if line.startswith("#"):
            continue
        if line.strip():
            start = start if block else number
            block.append(line.rstrip())
        elif block:
            yield start, block[0], block[1:]
            block = []


class Run:
    """One file on its way."""

    def __init__(self, server, path):
        self.server, self.path = server, path
        self.schema = f"slt_{path.stem}"
        self.values = {"schema": self.schema, "place": server.place}
        self.sessions, self.session = {}, "first"
        self.failures = []
        self.client().query(f"create schema {self.schema}")

    def client(self):
        """The session that is at work, in the file's schema once that exists."""
        if self.session not in self.sessions:
            self.sessions[self.session] = made = self.server.client()
            if len(self.sessions) > 1:
                made.query(f"set schema = '{self.schema}'")
        return self.sessions[self.session]

    def filled(self, lines):
        """The SQL with the values that were kept."""
        return re.sub(r"\$\{(\w+)\}", lambda found: str(self.values[found[1]]), "\n".join(lines))

    def record(self, head, body):
        kind, *words = head.split()
        if kind == "session":
            self.session = words[0]
        elif kind == "let":
            self.values[words[0]] = self.client().value(self.filled(body))
        elif kind == "query":
            self.query(words, body)
        elif kind == "statement":
            self.statement(head, words, body)
        else:
            raise AssertionError(f"no such record: {head}")

    def query(self, words, body):
        cut = body.index("----")
        wanted = self.filled(body[cut + 1 :]).splitlines()
        rowsort = "rowsort" in words[1:]
        found = lines_of(self.client().query(self.filled(body[:cut])), words[0], rowsort)
        wanted = sorted(wanted) if rowsort else wanted
        assert found == wanted, "expected\n    " + "\n    ".join(wanted) + "\n  got\n    " + "\n    ".join(found)

    def statement(self, head, words, body):
        sql = self.filled(body)
        if words[0] == "error":
            pattern = head.split("error", 1)[1].strip()
            try:
                self.client().query(sql)
            except pa.ArrowException as error:
                assert re.search(pattern, str(error)), f"expected an error like /{pattern}/, got {error}"
            except KeyError as error:
                assert re.search(pattern, str(error)), f"expected an error like /{pattern}/, got {error}"
            else:
                raise AssertionError(f"expected an error like /{pattern}/, got none")
            return
        changed = self.client().run(sql)
        if words[0] == "count":
            assert changed == int(words[1]), f"expected {words[1]} rows, got {changed}"

    def run(self):
        self.client().query(f"set schema = '{self.schema}'")
        for number, head, body in records(self.path):
            try:
                self.record(head, body)
            except (AssertionError, pa.ArrowException, KeyError, ValueError) as error:
                self.failures.append(f"{self.path.name}:{number}: {head}\n  " + "\n  ".join([*body, f"{error}"[:700]]))

    def close(self):
        for client in self.sessions.values():
            client.__exit__()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_sql(lake_server, path):
    run = Run(lake_server, path)
    try:
        run.run()
        with lakes.beside(lake_server, read_only=True) as judge, lake_server.client() as client:
            run.failures += lakes.disagreements(client, judge, schema=run.schema)
    finally:
        run.close()
    assert not run.failures, f"{len(run.failures)} failures\n" + "\n".join(run.failures)
