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


def report(step, body):
    """Runs one step and reports its value or its error."""
    try:
        line = {"check": step, "value": body()}
    except Exception as error:
        line = {"check": step, "error": f"{type(error).__name__}: {error}"}
    print(json.dumps(line), flush=True)


def pause(name):
    """Lets the test look at the server, which says when to go on."""
    print(json.dumps({"pause": name}), flush=True)
    sys.stdin.readline()


def main(port, user, password):
    client = FlightSQLClient(host="127.0.0.1", port=int(port), user=user, password=password, insecure=True)
    connection = connect(client)
    cursor = connection.cursor()

    def query(sql, *parameters):
        return cursor.execute(sql, *parameters).fetchall()

    report("connect", lambda: connection.flightsql_get_sql_info([codes.FLIGHT_SQL_SERVER_NAME])[0])
    report("query", lambda: query(steps.QUERY))
    for name, value in PARAMETERS.items():
        report(f"parameters {name}", lambda: query(steps.typed_query(name), [value]))
    report("parameters null", lambda: query("select ?", [None]))
    report("metadata schemas", connection.flightsql_get_schema_names)
    report("metadata tables", lambda: connection.flightsql_get_table_names("shop"))
    report("metadata columns", lambda: columns(connection))
    report("metadata keys", lambda: connection.flightsql_get_primary_keys("people"))
    dialect(port, user, password)
    report("ingest calls", lambda: [name for name in dir(client) if "ingest" in name])
    report("ingest statement", lambda: client.execute_update("create temp table towns as select 1 as id"))
    report("ingest read back", lambda: query("select id from temp.towns"))
    report("session calls", lambda: [name for name in dir(client) if "session" in name])
    report("session statement", lambda: client.execute_update("set schema = 'shop'"))
    report("session works", lambda: query(steps.COUNT_ORDERS))
    report("cancel", lambda: cancel(client))
    connection.close()
    client.close()
    report("close", lambda: query("select 1"))


def columns(connection):
    found = connection.flightsql_get_columns("people", "files")
    return [[column["name"], column["type"].__name__, column["nullable"]] for column in found]


def cancel(client):
    info = client.execute(steps.endless("flightsql-dbapi"))
    reader = client.do_get(info.endpoints[0].ticket)
    rows = reader.read_chunk().data.num_rows
    pause("cancel")
    reader.cancel()
    pause("cancelled")
    return rows > 0


def dialect(port, user, password):
    """SQLAlchemy's dialect of the same package, as Superset has it."""
    url = sa.engine.URL.create(
        "datafusion+flightsql", username=user, password=password, host="127.0.0.1", port=int(port),
        query={"insecure": "true", "feature-sqlalchemy-prepared-statements": "on"},
    )
    engine = sa.create_engine(url)
    report("dialect tables", lambda: sa.inspect(engine).get_table_names(schema="shop"))
    with engine.connect() as connection:
        by_id = sa.text("select name from people where id = :id")
        report("dialect query", lambda: [list(row) for row in connection.execute(by_id, {"id": 2})])
    engine.dispose()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(*sys.argv[1:])
