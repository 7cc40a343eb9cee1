// Values of apache-arrow in the shape in which a test can compare them: what JSON has, and text for the rest.

/** A value of a column, given the column's type. */
export function plainValue(value, type) {
  const { DataType } = window.Arrow;
  if (value === null || value === undefined) return null;
  if (typeof value === "bigint") return value.toString();
  if (DataType.isDate(type)) return new Date(Number(value)).toISOString().slice(0, 10);
  if (DataType.isTimestamp(type)) return new Date(Number(value)).toISOString();
  if (DataType.isDecimal(type)) return window.Arrow.util.bigNumToString(window.Arrow.util.BN.new(value));
  if (DataType.isList(type)) return [...value].map((each) => plainValue(each, type.children[0].type));
  if (DataType.isStruct(type)) {
    return Object.fromEntries(type.children.map((child) => [child.name, plainValue(value[child.name], child.type)]));
  }
  if (value instanceof Uint8Array) return [...value];
  return value;
}

/** Reads a result to its end: its columns with their types, its rows, and how many rows each batch had. */
export async function readRows(reader) {
  const rows = [];
  const batches = [];
  const { fields } = (await reader.open()).schema;
  for await (const batch of reader) {
    batches.push(batch.numRows);
    for (const row of batch) {
      rows.push(fields.map((field) => plainValue(row[field.name], field.type)));
    }
  }
  const columns = fields.map((field) => [field.name, String(field.type), field.nullable]);
  return { columns, rows, batches };
}

/** Reads a result batch by batch and keeps only the number of rows and the sum of its first column. */
export async function addUp(reader) {
  let rows = 0;
  let sum = 0n;
  let batches = 0;
  for await (const batch of reader) {
    rows += batch.numRows;
    batches += 1;
    for (const value of batch.getChildAt(0)) sum += value;
  }
  return { rows, sum: sum.toString(), batches };
}
