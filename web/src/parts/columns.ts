/** What a column is called and what it means, in the reader's language. */

import type { App, ColumnInfo } from "../contracts.ts";
import { words } from "./terms.ts";

const OWN = "Own space";

/** The key of a column that every space has; null for one of the reader's own. */
export function keyOf(column: Pick<ColumnInfo, "name" | "title">): string | null {
  const key = column.title === OWN ? "column.own" : `column.${column.name}`;
  // A column of the reader's may be called so too, and keeps the title that it was given.
  return words.en[key] === column.title ? key : null;
}

/** Its title. */
export function titleOf(app: App, column: ColumnInfo): string {
  const key = keyOf(column);
  return key ? app.t(key) : column.title;
}

/** Its value for each row, [N]: of the labels those that the reader has changed. */
export async function valuesOf({ columns }: App, name: string): Promise<Float32Array | Int16Array> {
  return name === "label" ? columns.labels : columns.column(name);
}

/** What it means, "" where nobody says. */
export function aboutOf(app: App, column: ColumnInfo): string {
  const key = keyOf(column);
  return key ? app.t(`${key}.about`) : (column.about ?? "");
}
