"""The client matrix: every client, and how far it gets. The tests beside this file prove each cell, test_cells.py proves that
none is missing and writes docs/clients.md and the table of the README."""

import dataclasses

# What each client does, with the heading of its column.
STEPS = {
    "connect": "connect",
    "query": "query",
    "parameters": "prepared query",
    "metadata": "metadata",
    "ingest": "ingest",
    "session": "session options",
    "cancel": "cancel",
    "close": "close",
}


@dataclasses.dataclass(frozen=True)
class No:
    """A step that the client cannot do, and why."""

    reason: str


@dataclasses.dataclass(frozen=True)
class But:
    """A step that works, with what one should know."""

    note: str


@dataclasses.dataclass(frozen=True)
class Client:
    """A row: the name that readers look for, the package whose pinned version is shown, the file that proves the cells, and
    the cells that are not a plain yes."""

    name: str
    package: str
    file: str
    cells: dict = dataclasses.field(default_factory=dict)


NO_TYPE_BUT = "Binds 64-bit integers, floats, booleans, text and times; no NULL, dates, bytes or narrower integers"
SAME_AS_DBAPI = "By the connection of the DB-API underneath"
TEMP_SCHEMA = "Has no word for a temporary table; the schema `temp` makes one"

CLIENTS = [
    Client("pyarrow.flight", "pyarrow", "test_pyarrow.py", {
        "connect": But("Knows Flight, not Flight SQL: commands are packed by hand, as the tests do"),
    }),
    Client("ADBC, Python DB-API", "adbc-driver-flightsql", "test_adbc_dbapi.py", {
        "parameters": But("By position; names are refused by the driver (NotSupportedError)"),
        "session": But("Catalog and schema; everything else by the low-level interface"),
    }),
    Client("ADBC, Python low level", "adbc-driver-manager", "test_adbc_low_level.py", {
        "metadata": But("No statistics: the driver has none (NotSupportedError)"),
    }),
    Client("Polars", "polars", "test_polars.py", {
        "metadata": But(SAME_AS_DBAPI),
        "ingest": But(TEMP_SCHEMA),
        "session": But(SAME_AS_DBAPI),
        "cancel": But("By dropping the iterator of `iter_batches`; a whole frame has no middle"),
    }),
    Client("pandas", "pandas", "test_pandas.py", {
        "parameters": No("`read_sql` refuses `params` with an ADBC connection (NotImplementedError)"),
        "metadata": But("The types of a result"),
        "ingest": But(TEMP_SCHEMA),
        "session": But(SAME_AS_DBAPI),
        "cancel": No("A frame is whole or not there: `chunksize` is refused with an ADBC connection (NotImplementedError)"),
    }),
    Client("DuckDB, reading through ADBC", "duckdb", "test_duckdb.py", {
        "connect": But("By an ADBC cursor, whose stream it reads as it comes: its own ADBC extensions are not on PyPI"),
        "metadata": But("The columns of a stream"),
        "ingest": But("Its own rows, streamed into a temporary table"),
        "session": But(SAME_AS_DBAPI),
    }),
    Client("SQLAlchemy 2 with sqlalchemy-adbc", "sqlalchemy-adbc", "test_sqlalchemy_adbc.py", {
        "metadata": But(
            "Schemas, columns, keys and `Table(…, autoload_with=…)`, without NOT NULL, which the ADBC driver does not tell. Its lists of table names stay empty with every Flight SQL "
            "server: it looks for the type `table`, which Flight SQL spells `TABLE`"
        ),
        "ingest": But("By the cursor underneath; SQLAlchemy has no bulk load"),
        "session": But("By statements: `SET schema = 'shop'`"),
    }),
    Client("flightsql-dbapi", "flightsql-dbapi", "test_flightsql_dbapi.py", {
        "query": But("Reads by way of pandas, which makes NaN of a missing text"),
        "parameters": But("Integers, floats, booleans, text, bytes; NULL is refused by the client"),
        "metadata": But("Its SQLAlchemy 1.4 dialect too, as Superset uses it"),
        "ingest": No("It has no call for it; `CREATE TEMP TABLE … AS` works"),
        "session": No("It has no call for it; `SET` works"),
        "cancel": But("By the stream of its client; its cursor reads everything at once"),
    }),
    Client("altertable-flightsql", "altertable-flightsql", "test_altertable.py", {
        "parameters": But("It asks for the result before it binds (GetFlightInfo, DoPut, DoGet of the first ticket)"),
        "ingest": But(TEMP_SCHEMA),
        "session": But("Catalog and schema"),
    }),
    Client("arrow-flight, Rust", "arrow-flight", "rust_client.rs", {
        "session": But("The crate has no messages for session options; `SET` works"),
        "close": But("`close` sends nothing: the session ends when it has been idle"),
    }),
    Client("arrow-go, Flight SQL client", "github.com/apache/arrow-go/v18", "test_go_flightsql.py"),
    Client("arrow-go, database/sql", "github.com/apache/arrow-go/v18", "test_go_sql.py", {
        "parameters": But(NO_TYPE_BUT),
        "metadata": But("The columns of a result; database/sql has no more"),
        "ingest": No("database/sql has no call for it; `CREATE TEMP TABLE … AS` works"),
        "session": But(
            "By `SET`, with the token of a login as `token=` in the address: with a password the driver neither logs in nor keeps "
            "cookies, so each call stands alone"
        ),
    }),
    Client("ADBC, Go", "github.com/apache/arrow-adbc/go/adbc", "test_go_adbc.py"),
    Client("Grafana's data source (arrow-go v12)", "github.com/apache/arrow/go/v12", "test_grafana.py", {
        "query": But(
            "Takes every timestamp for nanoseconds, and shows no dates and no decimals: cast them in the query"
        ),
        "parameters": No("It fills its macros in as text"),
        "ingest": No("It only reads"),
        "session": No("It has no call for it, and each panel may be another connection"),
    }),
    Client("JDBC driver", "org.apache.arrow:flight-sql-jdbc-driver", "test_jdbc_driver.py", {
        "parameters": But("By every setter (`tests/test_jdbc.py`)"),
        "metadata": But("The sequence of DBeaver, and every method (`tests/test_jdbc.py`)"),
        "ingest": But("A batch of prepared inserts, which the driver sends as one stream"),
        "session": But("By `SET`; `setSchema` and `setCatalog` never leave the driver, `catalog=` in the address does"),
    }),
    Client("arrow-java, FlightSqlClient", "org.apache.arrow:flight-sql", "test_java_flightsql.py", {
        "parameters": But(
            "The library has no decimals of 32 and 64 bits, and its prepared statements take no dictionaries along (both "
            "IllegalArgumentException)"
        ),
    }),
]
