/** Sets of rows, ascending in a Uint32Array; none of these changes what it is given. */

/** How what was just drawn meets what was selected before. */
export type Mode = "replace" | "add" | "subtract";

/** Rows in ascending order, each once. */
export function asSet(rows: Iterable<number>): Uint32Array {
  return Uint32Array.from(new Set(rows)).sort();
}

/** The selection after rows were drawn around. */
export function combine(before: Uint32Array, drawn: Uint32Array, mode: Mode): Uint32Array {
  if (mode === "replace") return asSet(drawn);
  if (mode === "add") {
    const both = new Uint32Array(before.length + drawn.length);
    both.set(before);
    both.set(drawn, before.length);
    return asSet(both);
  }
  const gone = new Set(drawn);
  return before.filter((row) => !gone.has(row));
}

/** The selection with one row put in, or taken out if it was there. */
export function toggled(before: Uint32Array, row: number): Uint32Array {
  return combine(before, Uint32Array.of(row), before.includes(row) ? "subtract" : "add");
}

/** Every row of 0..count-1 that is not selected. */
export function inverted(before: Uint32Array, count: number): Uint32Array {
  const inside = new Uint8Array(count);
  for (const row of before) inside[row] = 1;
  return everyRow(count).filter((row) => !inside[row]);
}

/** The rows 0..count-1. */
export function everyRow(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, row) => row);
}

/** Rows whose value in a class column is this one. */
export function rowsWith(values: Int16Array, value: number): Uint32Array {
  let count = 0;
  for (let row = 0; row < values.length; row++) if (values[row] === value) count++;
  const rows = new Uint32Array(count);
  for (let row = 0, at = 0; row < values.length; row++) if (values[row] === value) rows[at++] = row;
  return rows;
}

/** How many of the rows have each value 0..classes-1; the last entry counts the unknown. */
export function counts(values: Int16Array, rows: ArrayLike<number>, classes: number): Uint32Array {
  const found = new Uint32Array(classes + 1);
  for (let i = 0; i < rows.length; i++) {
    const value = values[rows[i]];
    found[value >= 0 && value < classes ? value : classes]++;
  }
  return found;
}

/** Rows by their value, ties by row; missing values (NaN, -1 of a class) last in both directions. */
export function sorted(
  rows: Uint32Array,
  values: Float32Array | Int16Array | null,
  descending: boolean,
): Uint32Array {
  if (!values) return descending ? Uint32Array.from(rows).reverse() : rows;
  const missing = (value: number) =>
    values instanceof Int16Array ? value < 0 : Number.isNaN(value);
  const order = Array.from(rows);
  order.sort((a, b) => {
    const [x, y] = [values[a], values[b]];
    if (missing(x) || missing(y)) return Number(missing(x)) - Number(missing(y)) || a - b;
    return (descending ? y - x : x - y) || a - b;
  });
  return Uint32Array.from(order);
}
