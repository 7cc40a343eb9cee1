"""The servers that are measured: how each is started, asked and stopped. `ALL` names them in the order of the tables."""

from peers.duckdb_flight import DuckDbFlight
from peers.duckdb_local import DuckDbLocal
from peers.godwit import Godwit
from peers.postgres import Postgres
from peers.pyarrow_server import PyarrowServer
from peers.quack import Quack
from peers.reference import Reference
from peers.roapi import Roapi
from peers.sail import Sail

ALL = {peer.name: peer for peer in (
    Godwit, Reference, PyarrowServer, Sail, Roapi, DuckDbFlight, Quack, DuckDbLocal, Postgres)}
