"""What the servers are called, in the order of the tables."""

TITLES = {"godwit": "Godwit", "reference": "C++ reference", "pyarrow": "pyarrow.flight server", "sail": "Sail", "roapi": "ROAPI",
          "duckdb-flight": "pyarrow.flight over DuckDB", "quack": "DuckDB Quack", "duckdb": "DuckDB in process",
          "postgres": "PostgreSQL"}
