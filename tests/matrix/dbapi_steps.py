"""The steps of flightsql-dbapi. It needs SQLAlchemy 1.4, so it runs in a process of its own, which test_flightsql_dbapi.py
starts; each report is one line of JSON."""

import json
import sys
import warnings

import sqlalchemy as sa
from flightsql import FlightSQLClient, connect
from flightsql.sqlalchemy import flightsql as codes

import steps

PARAMETERS = {
    "int64": 2**63 - 1,
    "boolean": True,
    "double": -0.1,
    "string": "a word that is longer than twelve bytes 🐦",
    "binary": b"\x00\xffbytes that are longer than twelve",
}


def report(step, value):
    print(json.dumps({"check": step, "value": value}), flush=True)


def pause(name):
    """Lets the test look at the server, which says when to go on."""
    print(json.dumps({"pause": name}), flush=True)
    sys.stdin.readline()


def failure(work):
    """What the client says that it cannot do."""
    try:
        work()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def main(port, user, password):
    client = FlightSQLClient(host="127.0.0.1", port=int(port), user=user, password=password, insecure=True)
    connection = connect(client)
    cursor = connection.cursor()
    report("connect", connection.flightsql_get_sql_info([codes.FLIGHT_SQL_SERVER_NAME])[0])
    report("query", cursor.execute(steps.QUERY).fetchall())
    for name, value in PARAMETERS.items():
        report(f"parameters {name}", cursor.execute(steps.typed_query(name), [value]).fetchall())
    report("parameters refused", failure(lambda: cursor.execute("select ?", [None])))
    report("metadata schemas", connection.flightsql_get_schema_names())
    report("metadata tables", connection.flightsql_get_table_names("shop"))
    columns = connection.flightsql_get_columns("people", "files")
    report("metadata columns", [[column["name"], column["type"].__name__, column["nullable"]] for column in columns])
    report("metadata keys", connection.flightsql_get_primary_keys("people"))
    dialect(port, user, password)
    report("ingest", [name for name in dir(client) if "ingest" in name])
    report("ingest by a statement", client.execute_update("create temp table towns as select 1 as id"))
    report("ingest read back", cursor.execute("select id from temp.towns").fetchall())
    report("session", [name for name in dir(client) if "session" in name])
    report("session by a statement", client.execute_update("set schema = 'shop'"))
    report("session set", cursor.execute(steps.COUNT_ORDERS).fetchall())
    info = client.execute(steps.endless("flightsql-dbapi"))
    reader = client.do_get(info.endpoints[0].ticket)
    report("cancel read", reader.read_chunk().data.num_rows > 0)
    pause("cancel")
    reader.cancel()
    pause("cancelled")
    connection.close()
    client.close()
    report("close", failure(lambda: cursor.execute("select 1")))


def dialect(port, user, password):
    """SQLAlchemy's dialect of the same package, as Superset has it."""
    url = sa.engine.URL.create(
        "datafusion+flightsql", username=user, password=password, host="127.0.0.1", port=int(port),
        query={"insecure": "true", "feature-sqlalchemy-prepared-statements": "on"},
    )
    engine = sa.create_engine(url)
    report("dialect tables", sa.inspect(engine).get_table_names(schema="shop"))
    with engine.connect() as connection:
        rows = connection.execute(sa.text("select name from people where id = :id"), {"id": 2})
        report("dialect query", [list(row) for row in rows])
    engine.dispose()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(*sys.argv[1:])
