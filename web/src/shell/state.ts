/** What the reader looks at, as signals, and how it is kept in the address of the page. */

import { effect, signal, type Signal } from "@preact/signals";
import type { Columns, Manifest, State, View } from "../contracts.ts";
import { words } from "./words.ts";

const LOW_DIMENSION = 2;
/** A longer link is cut off by mail and chat programs. */
export const MOST_ROWS = 300;

/** The state in which a space is first shown. */
export function initialState(manifest: Manifest): State {
  const first = manifest.maps[0];
  const dark = localRead("theme");
  const language = localRead("language") ?? navigator.language.slice(0, 2);
  return {
    map: signal(first?.name ?? ""),
    colour: signal(manifest.classes.length ? "label" : "none"),
    show: signal("dots"),
    hidden: signal<ReadonlySet<number>>(new Set()),
    apart: signal(Boolean(first?.panels)),
    selection: signal(new Uint32Array(0)),
    pinned: signal(-1),
    hover: signal(-1),
    cursor: signal(null),
    way: signal(manifest.latentDim === LOW_DIMENSION ? "exact" : "nearest"),
    borders: signal(false),
    ground: signal(false),
    contours: signal(false),
    names: signal(manifest.classes.length > 0 && manifest.classes.length <= 40),
    panel: signal(""),
    tool: signal("pan"),
    theme: signal(dark === "light" || dark === "dark" ? dark : "auto"),
    language: signal(language in words ? language : "en"),
    probe: signal(null),
  };
}

/** What was kept on this device under a name; null where nothing is, or may be, kept. */
export function localRead(name: string): string | null {
  try {
    return localStorage.getItem(`latlas.${name}`);
  } catch {
    return null;
  }
}

/** Keeps a word on this device, where that is allowed. */
export function localWrite(name: string, value: string): void {
  try {
    localStorage.setItem(`latlas.${name}`, value);
  } catch {
    // Then it is forgotten.
  }
}

/** Signals whose values stand in the address after the `#`, so that a link shows the same. */
export class Address {
  private readonly kept: { name: string; write: () => string; initial: string }[] = [];
  private readonly given: URLSearchParams;
  private written: string;
  private timer = 0;

  constructor() {
    this.given = new URLSearchParams(location.hash.slice(1));
    this.written = location.hash.slice(1);
    // A link that was pasted into the open page shows what it says, from the start.
    addEventListener("hashchange", () => {
      if (location.hash.slice(1) !== this.written) location.reload();
    });
  }

  /** Reads the value that the address has, and writes it there when it changes. `read` throws for
   * a text that means nothing; the value then stays as it is. */
  keep<T>(name: string, value: Signal<T>, write: (value: T) => string, read: (text: string) => T): void {
    const initial = write(value.peek());
    const text = this.given.get(name);
    if (text !== null) {
      try {
        value.value = read(text);
      } catch {
        // An address that somebody typed: what cannot be read stays as it is.
      }
    }
    this.kept.push({ name, write: () => write(value.peek()), initial });
    effect(() => {
      void value.value;
      clearTimeout(this.timer);
      this.timer = window.setTimeout(() => this.write(), 250);
    });
  }

  private write(): void {
    const now = new URLSearchParams();
    for (const { name, write, initial } of this.kept) {
      const text = write();
      if (text !== initial) now.set(name, text);
    }
    this.written = now.toString();
    const address = location.pathname + location.search + (this.written ? `#${this.written}` : "");
    try {
      history.replaceState(null, "", address);
    } catch {
      location.hash = this.written;
    }
  }
}

/** Keeps the parts of the state that belong in the address.
 *
 * @param ids what the space calls the rows: a link names the image, wherever it stands in a file.
 * @param panels ids of the features that have a panel.
 * @param spot where the map is looked at, as `spotOf` writes it; empty for all of it.
 */
export function keepState(
  address: Address,
  state: State,
  manifest: Manifest,
  ids: Pick<Columns, "id" | "row">,
  panels: string[],
  spot: Signal<string>,
): void {
  const flag = [(value: boolean) => (value ? "1" : "0"), (value: string) => oneOf(["0", "1"])(value) === "1"] as const;
  const text = (value: string) => value;
  const maps = manifest.maps.map((map) => map.name);
  const columns = manifest.columns.map((column) => column.name);
  address.keep("map", state.map, text, oneOf(maps));
  address.keep("colour", state.colour, text, oneOf(["none", ...columns]));
  address.keep<State["show"]["value"]>("show", state.show, (v) => v, oneOf(["dots", "images", "decoded"]));
  address.keep<State["way"]["value"]>("way", state.way, (v) => v, oneOf(["exact", "plane", "nearest", "sheet"]));
  address.keep("apart", state.apart, ...flag);
  address.keep("borders", state.borders, ...flag);
  address.keep("ground", state.ground, ...flag);
  address.keep("contours", state.contours, ...flag);
  address.keep("names", state.names, ...flag);
  address.keep("panel", state.panel, text, oneOf(["", ...panels]));
  address.keep("lang", state.language, text, oneOf(Object.keys(words)));
  address.keep<State["theme"]["value"]>("theme", state.theme, (v) => v, oneOf(["auto", "light", "dark"]));
  address.keep<ReadonlySet<number>>(
    "off",
    state.hidden,
    (values) => [...values].sort((a, b) => a - b).join("."),
    (value) => new Set(value.split(".").filter(Boolean).map(whole)),
  );
  address.keep(
    "row",
    state.pinned,
    (row) => (row < 0 ? "" : String(ids.id(row))),
    (value) => {
      if (value === "") return -1;
      const row = ids.row(anyWhole(value));
      if (row < 0) throw new RangeError(value);
      return row;
    },
  );
  address.keep(
    "rows",
    state.selection,
    (rows) => (rows.length > MOST_ROWS ? "" : writeIds(Array.from(rows, (row) => ids.id(row)))),
    (value) => Uint32Array.from(readIds(value).map((id) => ids.row(id)).filter((row) => row >= 0)).sort(),
  );
  address.keep("at", spot, text, (value) => (value && readSpot(value) ? value : ""));
}

/** What the window shows: `x_y_span`, its middle in the unit of the map and how much of the map
 * its shorter side spans, so that a link shows the same place in a window of any size. */
export function spotOf(view: View, size: { width: number; height: number }): string {
  const span = Math.min(size.width, size.height) / view.scale;
  // A ten-thousandth of the window is less than a pixel.
  const digits = Math.min(Math.max(4 - Math.floor(Math.log10(span)), 0), 20);
  return [view.x, view.y].map((value) => String(Number(value.toFixed(digits)))).concat(String(Number(span.toPrecision(6)))).join("_");
}

/** The view that `spotOf` wrote, in a window of this size (without one the scale means nothing).
 * @throws RangeError for anything else.
 */
export function readSpot(spot: string, size?: { width: number; height: number }): View {
  const [x, y, span, ...rest] = spot.split("_").map(Number);
  if (![x, y, span].every(Number.isFinite) || !(span > 0) || rest.length) throw new RangeError(spot);
  return { x, y, scale: size ? Math.min(size.width, size.height) / span : 1 };
}

/** Ids as one short word: ascending, each as its distance from the one before, in base 36. */
export function writeIds(ids: ArrayLike<number>): string {
  const sorted = Float64Array.from(ids).sort();
  return Array.from(sorted, (id, at) => (at ? id - sorted[at - 1] : id).toString(36)).join(".");
}

/** The ids that `writeIds` wrote.
 * @throws RangeError for anything else, and for more ids than a link holds.
 */
export function readIds(text: string): number[] {
  const parts = text ? text.split(".", MOST_ROWS + 1) : [];
  let id = 0;
  return parts.map((part, at) => {
    const step = parseInt(part, 36);
    // An id is an int32: seven digits are enough for any distance.
    const fits = parts.length <= MOST_ROWS && /^-?[0-9a-z]{1,7}$/.test(part) && (at === 0 || step > 0);
    if (!fits) throw new RangeError(text);
    return (id += step);
  });
}

function whole(text: string): number {
  const value = anyWhole(text);
  if (value < -1) throw new RangeError(text);
  return value;
}

function anyWhole(text: string): number {
  const value = Number(text);
  if (!text.trim() || !Number.isInteger(value)) throw new RangeError(text);
  return value;
}

function oneOf<T extends string>(choices: readonly T[]): (text: string) => T {
  return (text) => {
    const found = choices.find((each) => each === text);
    if (found === undefined) throw new RangeError(text);
    return found;
  };
}
