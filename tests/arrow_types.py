"""One small table per Arrow type, and what the wire profile `compat` makes of each type."""

import datetime
import decimal
import math

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

D = decimal.Decimal
UTC = datetime.timezone.utc
MOMENT = datetime.datetime(2026, 11, 21, 4, 5, 6)
DAY = datetime.date(2026, 11, 21)
TIME = datetime.time(23, 59, 58)
SPAN = datetime.timedelta(days=3, seconds=4)

# What pyarrow does not write to Parquet.
NOT_IN_PARQUET = {
    "interval",
    "dictionary_of_view",
    "run_end_encoded",
    "run_end_encoded_string",
    "dense_union",
    "dense_union_of_view",
    "sparse_union",
    "list_of_struct",
}


def integers():
    for bits in (8, 16, 32, 64):
        yield f"int{bits}", getattr(pa, f"int{bits}")(), [-(2 ** (bits - 1)), None, 2 ** (bits - 1) - 1]
        yield f"uint{bits}", getattr(pa, f"uint{bits}")(), [0, None, 2**bits - 1]


def numbers():
    yield "null", pa.null(), [None, None, None]
    yield "boolean", pa.bool_(), [True, None, False]
    yield "half", pa.float16(), [1.5, None, -0.25]
    yield "float", pa.float32(), [1.5, None, math.inf]
    yield "double", pa.float64(), [1e300, None, -0.1]
    yield "decimal32", pa.decimal32(7, 2), [D("12345.67"), None, D("-0.01")]
    yield "decimal64", pa.decimal64(18, 4), [D("12345678901234.5678"), None, D("-0.0001")]
    yield "decimal128", pa.decimal128(38, 10), [D("1234567890123456789012345678.0123456789"), None, D("-1.0000000000")]
    yield "decimal256", pa.decimal256(60, 5), [D("9" * 50 + ".12345"), None, D("-1.00000")]


def texts():
    words = ["", None, "a word that is longer than twelve bytes 🐦"]
    blobs = [b"", None, b"\x00\xffbytes that are longer than twelve"]
    for name in ("string", "large_string", "string_view"):
        yield name, getattr(pa, name)(), words
    for name in ("binary", "large_binary", "binary_view"):
        yield name, getattr(pa, name)(), blobs
    yield "fixed_size_binary", pa.binary(4), [b"abcd", None, b"\x00\x01\x02\x03"]


def times():
    yield "date32", pa.date32(), [DAY, None, datetime.date(1, 1, 1)]
    yield "date64", pa.date64(), [DAY, None, datetime.date(1970, 1, 1)]
    yield "time32_s", pa.time32("s"), [TIME, None, datetime.time(0)]
    yield "time32_ms", pa.time32("ms"), [TIME, None, datetime.time(0)]
    yield "time64_us", pa.time64("us"), [TIME, None, datetime.time(0)]
    yield "time64_ns", pa.time64("ns"), [TIME, None, datetime.time(0)]
    for unit in ("s", "ms", "us", "ns"):
        yield f"timestamp_{unit}", pa.timestamp(unit), [MOMENT, None, datetime.datetime(1969, 12, 31)]
        aware = [MOMENT.replace(tzinfo=UTC), None, datetime.datetime(1969, 12, 31, tzinfo=UTC)]
        yield f"timestamp_{unit}_utc", pa.timestamp(unit, "UTC"), aware
        yield f"duration_{unit}", pa.duration(unit), [SPAN, None, -SPAN]
    aware = [MOMENT.replace(tzinfo=UTC), None]
    yield "timestamp_lisbon", pa.timestamp("us", "Europe/Lisbon"), aware
    yield "timestamp_offset", pa.timestamp("ms", "+05:30"), aware
    yield "interval", pa.month_day_nano_interval(), [pa.MonthDayNano([1, -2, 3_000]), None]


def nested():
    pairs = [("x", 1), ("y", None)]
    point = pa.struct([pa.field("x", pa.int32(), nullable=False), ("label", pa.string_view())])
    points = [{"x": 1, "label": "a"}, None, {"x": -2, "label": None}]
    yield "list", pa.list_(pa.int32()), [[1, None], None, []]
    yield "large_list", pa.large_list(pa.string()), [["a"], None, []]
    yield "list_view", pa.list_view(pa.int64()), [[1, 2], None, []]
    yield "large_list_view", pa.large_list_view(pa.int64()), [[1, 2], None, []]
    yield "fixed_size_list", pa.list_(pa.float32(), 2), [[1.0, 2.0], None, [0.0, None]]
    yield "struct", point, points
    yield "map", pa.map_(pa.string(), pa.int32()), [pairs, None, []]
    yield "list_of_struct", pa.list_(point), [points, None]
    yield "list_of_string_view", pa.list_(pa.string_view()), [["a", None, "b" * 30], None]
    yield "struct_of_list_view", pa.struct([("v", pa.list_view(pa.float16()))]), [{"v": [1.5, None]}, None]
    yield "map_of_string_view", pa.map_(pa.string_view(), pa.binary_view()), [[("k", b"v")], None]


def encoded():
    colours = ["red", None, "green", "red"]
    yield "dictionary", pa.dictionary(pa.int8(), pa.string()), colours
    yield "dictionary_of_int", pa.dictionary(pa.int32(), pa.int64()), [7, None, 7]
    yield "dictionary_of_view", pa.dictionary(pa.uint16(), pa.string_view()), colours
    yield "list_of_dictionary", pa.list_(pa.dictionary(pa.int32(), pa.string())), [colours, None, []]
    yield "struct_of_dictionary", pa.struct([("c", pa.dictionary(pa.int8(), pa.string()))]), [{"c": "red"}, None]
    yield "run_end_encoded", pa.run_end_encoded(pa.int32(), pa.int64()), [5, 5, 5, None, 6]
    yield "run_end_encoded_string", pa.run_end_encoded(pa.int16(), pa.string()), ["a", "a", None]


def unions():
    """Unions are built from their parts, since pyarrow cannot build them from values."""
    kinds = pa.array([0, 1, 0], pa.int8())
    for name, values in [("", pa.array(["one", "two"])), ("_of_view", pa.array(["one", "two"], pa.string_view()))]:
        offsets = pa.array([0, 0, 1], pa.int32())
        yield f"dense_union{name}", pa.UnionArray.from_dense(kinds, offsets, [values, pa.array([1.5])], ["s", "f"])
    sparse = [pa.array(["one", None, "two"]), pa.array([None, 1.5, None], pa.float64())]
    yield "sparse_union", pa.UnionArray.from_sparse(kinds, sparse, ["s", "f"])


def array_of(kind, values):
    if pa.types.is_run_end_encoded(kind):
        return pc.run_end_encode(pa.array(values, kind.value_type), run_end_type=kind.run_end_type)
    if pa.types.is_dictionary(kind):
        return pa.array(values, kind.value_type).dictionary_encode().cast(kind)
    return pa.array(values, kind)


def cases():
    """Every type as {name: array}."""
    made = {}
    for group in (integers, numbers, texts, times, nested, encoded):
        for name, kind, values in group():
            made[name] = array_of(kind, values)
    made.update(unions())
    return made


def plain(kind):
    """The type that `compat` sends for a type."""
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return plain(kind.value_type)
    if kind == pa.string_view():
        return pa.string()
    if kind == pa.binary_view():
        return pa.binary()
    if kind == pa.float16():
        return pa.float32()
    if pa.types.is_decimal32(kind) or pa.types.is_decimal64(kind):
        return pa.decimal128(kind.precision, kind.scale)
    if pa.types.is_list_view(kind) or pa.types.is_list(kind):
        return pa.list_(plain_field(kind.value_field))
    if pa.types.is_large_list_view(kind) or pa.types.is_large_list(kind):
        return pa.large_list(plain_field(kind.value_field))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(plain_field(kind.value_field), kind.list_size)
    if pa.types.is_map(kind):
        return pa.map_(plain_field(kind.key_field), plain_field(kind.item_field), keys_sorted=kind.keys_sorted)
    if pa.types.is_struct(kind):
        return pa.struct([plain_field(kind.field(index)) for index in range(kind.num_fields)])
    if pa.types.is_union(kind):
        children = [plain_field(kind.field(index)) for index in range(kind.num_fields)]
        return pa.union(children, kind.mode, kind.type_codes)
    return kind


def in_parquet(kind):
    """The type in which a column comes back from a Parquet file, which knows neither seconds nor large texts."""
    if kind == pa.large_string():
        return pa.string()
    if kind == pa.large_binary():
        return pa.binary()
    if kind == pa.time32("s"):
        return pa.time32("ms")
    if pa.types.is_timestamp(kind) and kind.unit == "s":
        return pa.timestamp("ms", kind.tz)
    return plain(kind)


def plain_field(field):
    return field.with_type(plain(field.type))


def table_of(array):
    """A table with a column of the type and one that numbers the rows."""
    return pa.table({"row": pa.array(range(len(array)), pa.int32()), "v": array})


def write(data):
    """The mounts `types` (Arrow IPC) and `types_parquet`, one table a type."""
    for mount in ("types", "types_parquet"):
        data.schemas[mount] = data.root / mount
        data.schemas[mount].mkdir()
    for name, array in cases().items():
        table = table_of(array)
        with pa.ipc.new_file(str(data.schemas["types"] / f"t_{name}.arrow"), table.schema) as sink:
            sink.write_table(table)
        if name not in NOT_IN_PARQUET:
            pq.write_table(table, data.schemas["types_parquet"] / f"t_{name}.parquet")
