"""The bytes of Flight and Flight SQL, written by hand, so that tests can also write the wrong ones.

Field numbers are those of format/Flight.proto and format/FlightSql.proto. A message is built with `message(field=value…)`
pairs and read back with `fields`.
"""

import struct

SQL = "type.googleapis.com/arrow.flight.protocol.sql."


def varint(value):
    """An unsigned integer, seven bits a byte."""
    out = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        out.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(out)


def field(number, value):
    """One field: integers and booleans as varints, text and bytes with their length, lists once per element."""
    if value is None:
        return b""
    if isinstance(value, (list, tuple)):
        return b"".join(field(number, each) for each in value)
    if isinstance(value, (bool, int)):
        return varint(number << 3) + varint(int(value) & (2**64 - 1))
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + bytes(value)


def fixed64(number, value):
    """A signed integer of eight bytes."""
    return varint(number << 3 | 1) + struct.pack("<q", value)


def message(*values):
    """A message whose fields 1, 2, 3… have these values; None leaves a field out."""
    return b"".join(field(number, value) for number, value in enumerate(values, 1))


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(data):
    """A message as {field number: [values]}; values of bytes stay bytes."""
    data = bytes(data)
    found, at = {}, 0
    while at < len(data):
        key, at = read_varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = read_varint(data, at)
        elif kind == 2:
            size, at = read_varint(data, at)
            value, at = data[at : at + size], at + size
        else:
            size = {1: 8, 5: 4}[kind]
            value, at = data[at : at + size], at + size
        found.setdefault(number, []).append(value)
    return found


def packed(name, *values):
    """A Flight SQL message in its `Any`."""
    return message(SQL + name, message(*values))


def unpack(data):
    """The name and the fields of a message in an `Any`."""
    any_ = fields(data)
    return any_[1][0].decode().rsplit(".", 1)[1], fields(any_.get(2, [b""])[0])


# Commands, as they stand in a descriptor.


def statement(sql, transaction=None):
    return packed("CommandStatementQuery", sql, transaction)


def update(sql, transaction=None):
    return packed("CommandStatementUpdate", sql, transaction)


def prepared(handle):
    return packed("CommandPreparedStatementQuery", handle)


def prepared_update(handle):
    return packed("CommandPreparedStatementUpdate", handle)


def catalogs():
    return packed("CommandGetCatalogs")


def db_schemas(catalog=None, pattern=None):
    return packed("CommandGetDbSchemas", catalog, pattern)


def tables(catalog=None, schema=None, table=None, types=(), include_schema=False):
    return packed("CommandGetTables", catalog, schema, table, list(types), include_schema or None)


def table_types():
    return packed("CommandGetTableTypes")


def keys(which, table, catalog=None, schema=None):
    """`which` is Primary, Imported or Exported."""
    return packed(f"CommandGet{which}Keys", catalog, schema, table)


def cross_reference(pk_table, fk_table):
    return packed("CommandGetCrossReference", None, None, pk_table, None, None, fk_table)


def sql_info(*codes):
    return packed("CommandGetSqlInfo", b"".join(varint(code) for code in codes) or None)


def xdbc_type_info(data_type=None):
    return packed("CommandGetXdbcTypeInfo", data_type)


# Requests of the raw service.

PATH, CMD = 1, 2


def descriptor(command):
    return message(CMD, command)


def path_descriptor(*path):
    return message(PATH, None, list(path))


def ticket(data):
    return message(data)


def action(kind, body=b""):
    return message(kind, body)


def flight_data(command=None, header=None, body=None):
    return message(descriptor(command) if command is not None else None, header) + field(1000, body)


def session_options(options):
    """The body of SetSessionOptions; a value of None erases the option."""
    return b"".join(field(1, message(name, option_value(value))) for name, value in options.items())


def option_value(value):
    if value is None:
        return b""
    if isinstance(value, bool):
        return field(2, value)
    if isinstance(value, int):
        return fixed64(3, value)
    if isinstance(value, float):
        return field(4, value)
    if isinstance(value, str):
        return field(1, value)
    return field(5, message(list(value)))
