"""A random workload of SQL that Godwit and DuckDB both understand, the same for the same seed."""

import random

TYPES = {
    "int": lambda r: str(r.randint(-1000, 1000)),
    "bigint": lambda r: str(r.randint(-(2**60), 2**60)),
    "varchar": lambda r: "'" + r.choice(["", "a", "it''s", "Zoë 🐦", "x" * 40, "null", "%_\\"]) + str(r.randint(0, 99)) + "'",
    "double": lambda r: str(r.randint(-1000, 1000) / 8),
    "decimal(12,3)": lambda r: f"{r.randint(-(10**8), 10**8) / 1000:.3f}",
    "date": lambda r: f"date '{r.randint(1, 2999):04}-{r.randint(1, 12):02}-{r.randint(1, 28):02}'",
    "timestamp": lambda r: f"timestamp '{r.randint(1700, 2200)}-01-02 03:04:05.{r.randint(0, 999999):06}'",
    "boolean": lambda r: r.choice(["true", "false"]),
    "int[]": lambda r: "[" + ", ".join(r.choice(["1", "-7", "null"]) for _ in range(r.randint(1, 4))) + "]",
}
# Of a number: what makes a value of the type of a row's number.
OF_NUMBER = {
    "int": "cast(value % 1000 as int)", "bigint": "value * 1000003", "varchar": "'row ' || cast(value as varchar)",
    "double": "cast(value as double) / 4", "decimal(12,3)": "cast(value as decimal(12,3))", "boolean": "value % 3 = 0",
    "date": "date '2020-02-29'", "timestamp": "timestamp '2020-02-29 12:00:00'", "int[]": "[cast(value as int)]",
}
# What makes another value of the same type, of a column.
CHANGED = {
    "int": "({0} + 1) % 1000", "bigint": "{0} % 1000003 + 1", "varchar": "substr({0} || '!', 1, 30)", "double": "{0} / 2",
    "decimal(12,3)": "{0} / 1 - 1.5", "boolean": "not {0}",
}
ROOM = 4000


class Table:
    """What the generator knows of a table."""

    def __init__(self, name, columns):
        self.name, self.columns, self.rows = name, dict(columns), 0


class Workload:
    """Makes statements; `tables` are those that there are when all of them have been run."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.tables = {}
        self.made = 0
        self.next = 0

    def name(self, prefix):
        self.made += 1
        return f"{prefix}{self.made}"

    def value(self, kind):
        return "null" if self.random.random() < 0.1 else TYPES[kind](self.random)

    # Statements, each a method that gives SQL and keeps the books.

    def create(self):
        count = self.random.randint(1, 5)
        columns = {"id": "bigint"} | {self.name("c"): self.random.choice(list(TYPES)) for _ in range(count)}
        table = Table(self.name("t"), columns)
        self.tables[table.name] = table
        described = []
        for column, kind in columns.items():
            default = f" default {TYPES[kind](self.random)}" if self.random.random() < 0.2 and kind != "int[]" else ""
            described.append(f"{column} {kind}{default}")
        return f"create table {table.name} ({', '.join(described)})"

    def create_as(self, table):
        made = Table(self.name("t"), table.columns)
        made.rows = table.rows
        self.tables[made.name] = made
        return f"create table {made.name} as select * from {table.name} where id % 2 = 0"

    def insert(self, table):
        columns = [column for column in table.columns if column == "id" or self.random.random() < 0.8]
        rows = []
        for _ in range(self.random.randint(1, 5)):
            self.next += 1
            rows.append("(" + ", ".join([str(self.next), *(self.value(table.columns[c]) for c in columns[1:])]) + ")")
        table.rows += len(rows)
        return f"insert into {table.name} ({', '.join(columns)}) values {', '.join(rows)}"

    def insert_many(self, table):
        count = self.random.choice([50, 300, 1500])
        first, self.next = self.next + 1, self.next + count
        values = ", ".join("value" if column == "id" else OF_NUMBER[kind] for column, kind in table.columns.items())
        table.rows += count
        return f"insert into {table.name} select {values} from generate_series({first}, {self.next}) g(value)"

    def condition(self):
        kind = self.random.randint(0, 4)
        if kind == 0:
            return f"id % {self.random.randint(2, 40)} = 0"
        if kind == 1:
            low = self.random.randint(0, max(self.next, 1))
            return f"id between {low} and {low + self.random.randint(0, 60)}"
        if kind == 2:
            return f"id in ({', '.join(str(self.random.randint(0, self.next + 1)) for _ in range(5))})"
        if kind == 3:
            other = self.random.choice(list(self.tables))
            return f"id in (select id from {other} where id % {self.random.randint(2, 9)} = 1)"
        return "id is null or false"

    def update(self, table):
        others = [column for column in table.columns if column != "id"]
        parts = []
        for column in self.random.sample(others, min(len(others), self.random.randint(1, 2))):
            kind = table.columns[column]
            changed = CHANGED.get(kind) if self.random.random() < 0.5 else None
            parts.append(f"{column} = {changed.format(column) if changed else self.value(kind)}")
        return f"update {table.name} set {', '.join(parts or ['id = id'])} where {self.condition()}"

    def delete(self, table):
        return f"delete from {table.name} where {self.condition()}"

    def truncate(self, table):
        table.rows = 0
        return f"delete from {table.name}" if self.random.random() < 0.5 else f"truncate table {table.name}"

    def add_column(self, table):
        column, kind = self.name("c"), self.random.choice([kind for kind in TYPES if kind != "int[]"])
        table.columns[column] = kind
        default = f" default {TYPES[kind](self.random)}" if self.random.random() < 0.6 else ""
        return f"alter table {table.name} add column {column} {kind}{default}"

    def drop_column(self, table):
        column = self.random.choice(list(table.columns))
        if column == "id" or len(table.columns) < 3:
            return self.insert(table)
        del table.columns[column]
        return f"alter table {table.name} drop column {column}"

    def rename_column(self, table):
        column, to = self.random.choice(list(table.columns)), self.name("c")
        if column == "id":
            return self.update(table)
        table.columns = {to if name == column else name: kind for name, kind in table.columns.items()}
        return f"alter table {table.name} rename column {column} to {to}"

    def widen(self, table):
        narrow = [column for column, kind in table.columns.items() if kind == "int"]
        if not narrow:
            return self.delete(table)
        column = self.random.choice(narrow)
        table.columns[column] = "bigint"
        return f"alter table {table.name} alter column {column} set data type bigint"

    def set_default(self, table):
        column = self.random.choice(list(table.columns))
        kind = table.columns[column]
        if column == "id" or kind == "int[]":
            return self.insert(table)
        return f"alter table {table.name} alter column {column} set default {TYPES[kind](self.random)}"

    def rename(self, table):
        del self.tables[table.name]
        old, table.name = table.name, self.name("t")
        self.tables[table.name] = table
        return f"alter table {old} rename to {table.name}"

    def drop(self, table):
        if len(self.tables) < 4:
            return self.insert(table)
        del self.tables[table.name]
        return f"drop table {table.name}"

    WEIGHTS = {
        insert: 30, insert_many: 6, update: 22, delete: 14, truncate: 1, add_column: 3, drop_column: 2, rename_column: 2,
        widen: 1, set_default: 1, rename: 1, drop: 1, create_as: 1,
    }

    def statement(self):
        """The next statement."""
        if len(self.tables) < 3 or (len(self.tables) < 8 and self.random.random() < 0.02):
            return self.create()
        table = self.random.choice(list(self.tables.values()))
        if table.rows > ROOM:
            return self.truncate(table)
        (kind,) = self.random.choices(list(self.WEIGHTS), list(self.WEIGHTS.values()))
        if kind is Workload.create_as and len(self.tables) > 8:
            kind = Workload.update
        return kind(self, table)

    def snapshot(self):
        """What the generator knows, to come back to."""
        return {name: (dict(table.columns), table.rows) for name, table in self.tables.items()}

    def back_to(self, snapshot):
        self.tables = {}
        for name, (columns, rows) in snapshot.items():
            self.tables[name] = Table(name, columns)
            self.tables[name].rows = rows
