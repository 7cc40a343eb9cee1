// The few shapes of protobuf that Flight needs, as in tests/wire.py. Field numbers are those of format/Flight.proto and
// format/FlightSql.proto.

const SQL = "type.googleapis.com/arrow.flight.protocol.sql.";

const utf8 = new TextEncoder();

function varint(value) {
  const bytes = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    bytes.push((rest % 128) | (rest >= 128 ? 128 : 0));
    if (rest < 128) return bytes;
  }
}

/** Several arrays of bytes as one. */
export function joined(parts) {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A message whose fields 1, 2, 3… have these values: numbers, texts, bytes; undefined leaves a field out. */
export function message(...values) {
  const parts = [];
  values.forEach((value, index) => {
    if (value === undefined) return;
    const number = index + 1;
    if (typeof value === "number") {
      parts.push(varint(number << 3), varint(value));
    } else {
      const bytes = typeof value === "string" ? utf8.encode(value) : value;
      parts.push(varint((number << 3) | 2), varint(bytes.length), bytes);
    }
  });
  return joined(parts);
}

/** A message as a map from each field's number to the list of its values; texts stay bytes. */
export function fields(data) {
  let at = 0;
  const next = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = data[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  const bytes = (size) => data.subarray(at, (at += size));
  const found = new Map();
  while (at < data.length) {
    const key = next();
    const kind = key % 8;
    const value = kind === 0 ? next() : bytes(kind === 2 ? next() : { 1: 8, 5: 4 }[kind]);
    const number = Math.floor(key / 8);
    found.set(number, [...(found.get(number) ?? []), value]);
  }
  return found;
}

/** The descriptor of a statement. */
export function statementDescriptor(sql) {
  const CMD = 2;
  return message(CMD, message(SQL + "CommandStatementQuery", message(sql)));
}
