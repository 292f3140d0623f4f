/** The colour of each point: by class, by split, by a number, grey where it is context only. */

import type { ClassInfo, ColumnInfo } from "../contracts.ts";
import { onDark } from "../map/palette.ts";

const RAMP = ["#c3e6cf", "#7ccbb6", "#3aa5b4", "#2a78ab", "#2b4a94", "#251f5c"];
const DARK_RAMP = ["#2c2f6b", "#2b5fa3", "#2f93b8", "#4fc0b4", "#a4e0b8", "#f2f7d5"];
const SHADES = 64;
/** The colour of rows whose class is not known. */
export const UNKNOWN = "#9aa3af";
const GREY = 0;
const NOT_DRAWN = 65535;

/** What the renderer takes. */
export interface Painted {
  index: Uint16Array;
  palette: string[];
}

/** A column and how it is shown: what its legend says. */
export interface Colouring {
  column: ColumnInfo | null;
  values: Float32Array | Int16Array | null;
  /** Class columns: name and colour of each value. */
  entries: ClassInfo[];
  /** How many rows of a class column have no value. */
  unknown: number;
}

/** Colour indices for the rows.
 *
 * @param colouring what is coloured by.
 * @param rows N.
 * @param hidden values of a class column that are switched off: they become grey.
 * @param selected rows that keep their colour while there is a selection; null: all.
 */
export function paint(
  colouring: Colouring,
  rows: number,
  hidden: ReadonlySet<number>,
  selected: Uint32Array | null,
  dark: boolean,
): Painted {
  const index = new Uint16Array(rows);
  const grey = dark ? "#5a6472" : "#b9c0ca";
  const { column, values } = colouring;
  let palette: string[];
  if (!column || !values) {
    palette = [grey, dark ? "#6fa8dc" : "#2b4a94"];
    index.fill(1);
  } else if (column.kind === "class") {
    palette = [grey, UNKNOWN, ...colouring.entries.map((entry) => onPaper(entry.colour, dark))];
    for (let row = 0; row < rows; row++) index[row] = hidden.has(values[row]) ? GREY : values[row] + 2;
  } else {
    palette = [grey, ...ramp(dark)];
    const low = column.low ?? 0;
    const scale = (SHADES - 1) / Math.max((column.high ?? 1) - low, 1e-12);
    for (let row = 0; row < rows; row++) {
      const value = values[row];
      const shade = Math.round(Math.min(Math.max((value - low) * scale, 0), SHADES - 1));
      index[row] = Number.isNaN(value) ? GREY : shade + 1;
    }
  }
  return { index: selected?.length ? onlySelected(index, selected) : index, palette };
}

function onlySelected(index: Uint16Array, selected: Uint32Array): Uint16Array {
  const kept = new Uint16Array(index.length);
  for (let row = 0; row < index.length; row++) if (index[row] === NOT_DRAWN) kept[row] = NOT_DRAWN;
  for (const row of selected) kept[row] = index[row] || 1;
  return kept;
}

/** The colours of a number column from low to high, 64 of them. */
export function ramp(dark: boolean): string[] {
  const stops = dark ? DARK_RAMP : RAMP;
  return Array.from({ length: SHADES }, (_, shade) => {
    const place = (shade / (SHADES - 1)) * (stops.length - 1);
    const lower = Math.min(Math.floor(place), stops.length - 2);
    return mix(stops[lower], stops[lower + 1], place - lower);
  });
}

/** A colour between two others; all as `#rrggbb`. */
export function mix(a: string, b: string, share: number): string {
  const [from, to] = [channels(a), channels(b)];
  return hexadecimal(from.map((value, i) => value + (to[i] - value) * share));
}

/** Red, green, blue 0..255 of `#rrggbb`. */
export function channels(colour: string): number[] {
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
}

function hexadecimal(values: number[]): string {
  return `#${values.map((value) => Math.round(value).toString(16).padStart(2, "0")).join("")}`;
}

const lifted = new Map<string, string>();

/** A class colour as it is legible on the page: dark ones are lifted on a dark page. */
export function onPaper(colour: string, dark: boolean): string {
  if (!dark) return colour;
  let found = lifted.get(colour);
  if (!found) {
    found = onDark(colour);
    lifted.set(colour, found);
  }
  return found;
}
