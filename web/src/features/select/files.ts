/** Text files of a selection, and the way to hand a file to the reader. */

/** Anything that stands in a cell of a table. */
export type Cell = string | number | null;

/** One table as CSV (RFC 4180, with plain newlines): the heading first. NaN and null are empty. */
export function csv(heading: string[], rows: Iterable<Cell[]>): string {
  let text = heading.map(quoted).join(",") + "\n";
  for (const row of rows) text += row.map(quoted).join(",") + "\n";
  return text;
}

function quoted(cell: Cell): string {
  if (cell === null || (typeof cell === "number" && Number.isNaN(cell))) return "";
  const text = typeof cell === "string" ? harmless(cell) : String(cell);
  return /[",\r\n]/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A cell that no spreadsheet takes for a formula. */
function harmless(cell: string): string {
  return /^[=+\-@]/.test(cell) && !/^[=+\-@]\d*\.?\d+$/.test(cell) ? `'${cell}` : cell;
}

/** A number with the six digits that the columns of the page hold. */
export function short(value: number): Cell {
  return Number.isFinite(value) ? Number(value.toPrecision(6)) : null;
}

/** Ids, one a line. */
export function idLines(ids: Iterable<number>): string {
  return Array.from(ids, (id) => `${id}\n`).join("");
}

/** Hands a file to the reader, who finds it among the downloads. */
export function download(name: string, data: BlobPart, type: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([data], { type }));
  link.download = name;
  link.click();
  // The browser may read it only after this turn.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** The name of a space as the start of a file's name. */
export function stem(name: string): string {
  return name.replace(/\.latlas$/, "").replace(/[^\p{L}\p{N}._-]+/gu, "-") || "space";
}
