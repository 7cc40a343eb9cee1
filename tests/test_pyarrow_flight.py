"""DoExchange through pyarrow.flight, the plain Flight client."""

import pyarrow as pa
import pyarrow.flight as flight
import pytest


