/** What happens on the map when the state changes: places, colours, rings, cards. */

import { effect } from "@preact/signals";
import type { Signal } from "@preact/signals";
import { type App, wordsOf } from "../contracts.ts";
import { isNear, type Size } from "../map/camera.ts";
import { titleOf, valuesOf } from "../parts/columns.ts";
import type { Insets, PointMap } from "../map/renderer.ts";
import type { Page } from "./app.ts";
import { placedClasses } from "./classes.ts";
import type { Frame } from "./frame.ts";
import { panelled, type Layout } from "./layout.ts";
import { readSpot, spotOf } from "./state.ts";
import { followLook } from "./stepBack.ts";

const RARE = 0.01;
const SAMPLED = 20_000;
const FLIGHT = 900;
const PATIENCE = 400;
// CSS pixels beside legend and probe in which panels still stand; on less they stand under them.
const LEAST_FREE = 280;
const ROOM = 14;
const NONE: Insets = { left: 0, right: 0, top: 0, bottom: 0 };

/** Keeps the map in step with the state. Resolves when the points are drawn for the first time. */
export async function follow(page: Page): Promise<void> {
  const { app, frame, points } = page;
  const { state } = app;
  effect(() => {
    document.documentElement.dataset.theme = frame.dark.value ? "dark" : "light";
    document.documentElement.lang = state.language.value;
    app.map.redraw();
  });
  followColours(app, frame);
  await place(app, frame, points, 0);
  followView(points, frame.spot);
  let first = true;
  effect(() => {
    void [state.map.value, state.apart.value];
    if (!first) void place(app, frame, points, FLIGHT).catch(complain(app));
    first = false;
  });
  let size = points.size.peek();
  effect(() => {
    // A flight arrives first: its points are under way to where they fly.
    if (points.flying.value || points.size.value === size) return;
    size = points.size.value;
    void settle(page).catch(complain(app));
  });
  effect(() => app.map.setRings(app.marks.rings.value));
  effect(() => {
    if (frame.carded.value < 0) frame.lines.value = { row: -1, near: new Uint32Array(0) };
    app.map.redraw();
  });
  for (const part of [state.names, state.show, state.selection, state.hidden, state.ground, state.borders]) {
    part.subscribe(() => app.map.redraw());
  }
  followLook(app);
}

/** Puts the panels of classes clear of what has come to lie over the map since, and in its size. */
export async function settle({ app, frame, points }: Page): Promise<void> {
  if (app.state.apart.peek() && points.whole) await place(app, frame, points, 0);
}

/** Shows the place that the address names, and keeps it in step with the view. */
function followView(points: PointMap, spot: Signal<string>): void {
  if (spot.peek()) {
    const wanted = readSpot(spot.peek(), points.size.peek());
    if (isNear(wanted, points.places)) points.setView(wanted);
  }
  effect(() => {
    const [view, size] = [points.view.value, points.size.value];
    spot.value = points.whole ? "" : spotOf(view, size);
  });
}

function complain(app: App): (error: unknown) => void {
  return (error) => app.say(wordsOf(error), "error");
}

async function place(app: App, frame: Frame, points: PointMap, animate: number): Promise<void> {
  const { state, manifest } = app;
  const name = state.map.peek();
  if (!name) {
    await points.setPlaces(new Float32Array(2 * manifest.rows).fill(NaN), 0);
    return;
  }
  const title = manifest.maps.find((map) => map.name === name)?.title ?? name;
  const xy = await waitingFor(app, frame, title, app.columns.map(name));
  if (name !== state.map.peek()) return;
  const insets = isApart(app) ? covered(app) : NONE;
  points.setInsets(insets);
  const { places, panels, strays } = laidOut(app, xy, points.size.peek(), insets);
  frame.panels.value = panels;
  frame.strays.value = strays;
  const flight = points.setPlaces(places, animate);
  points.fit(undefined, animate);
  await flight;
}

/** Whether each class stands in a panel of its own. */
export function isApart({ state, manifest }: App): boolean {
  return state.apart.peek() && manifest.classes.length > 1;
}

/** Where the rows of a map stand in a window of this size: together, or apart by class. */
export function laidOut(app: App, xy: Float32Array, { width, height }: Size, insets: Insets): Layout {
  if (!isApart(app)) return { places: xy, panels: [], strays: new Set() };
  const free = (width - insets.left - insets.right) / Math.max(height - insets.top - insets.bottom, 1);
  return panelled(xy, owners(app), placedClasses(app.manifest).length, free);
}

/** What the panels are to keep clear of: the legend, the card of the probe, the tools. */
function covered({ stage, map }: App): Insets {
  const { width } = map.size.peek();
  const wide = (part: string) => stage.closest(".stage-frame")?.querySelector<HTMLElement>(part)?.offsetWidth ?? 0;
  const [left, right] = [Math.max(wide(".legend"), wide(".zoom")) + ROOM, wide(".probe") + ROOM];
  const sides = width - left - right < LEAST_FREE ? {} : { left, right };
  return { ...NONE, top: ROOM, ...sides };
}

/** Says what is being loaded when it takes long enough to wonder. */
async function waitingFor<T>(app: App, frame: Frame, what: string, wanted: Promise<T>): Promise<T> {
  const text = app.t("loading", { what });
  const timer = setTimeout(() => (frame.loading.value = text), PATIENCE);
  try {
    return await wanted;
  } finally {
    clearTimeout(timer);
    if (frame.loading.peek() === text) frame.loading.value = "";
  }
}

/** The range of all values but the lowest and highest in a hundred, so that few do not take all
 * shades; from 20,000 of them at most. */
function usual(values: ArrayLike<number>): { low: number; high: number } {
  const step = Math.max(1, Math.floor(values.length / SAMPLED));
  const some: number[] = [];
  for (let row = 0; row < values.length; row += step) if (!Number.isNaN(values[row])) some.push(values[row]);
  const sorted = Float64Array.from(some).sort();
  if (!sorted.length) return { low: 0, high: 1 };
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))];
  const [low, high] = [at(RARE), at(1 - RARE)];
  return high > low ? { low, high } : { low: sorted[0], high: sorted[sorted.length - 1] };
}

/** The panel of each row: its label, or the class whose model it was given to. */
export function owners(app: App): Int16Array {
  if (app.manifest.scope !== "per-class") return app.columns.labels;
  return Int16Array.from({ length: app.columns.rows }, (_, row) => app.toldOf(row));
}

function followColours(app: App, frame: Frame): void {
  const { state, manifest } = app;
  let latest = 0;
  effect(() => {
    const name = state.colour.value;
    // Relabelled rows change the counts, and are told of by a new set of hidden values.
    void state.hidden.value;
    const info = manifest.columns.find((column) => column.name === name) ?? null;
    const mine = ++latest;
    const values = info ? waitingFor(app, frame, titleOf(app, info), valuesOf(app, info.name)) : Promise.resolve(null);
    values.then((labels) => {
      if (mine !== latest) return;
      const names = info?.names ?? [];
      const counts = new Uint32Array(names.length);
      let unknown = 0;
      for (let row = 0; labels && info?.kind === "class" && row < labels.length; row++) {
        if (labels[row] >= 0) counts[labels[row]]++;
        else unknown++;
      }
      const entries = names.map((each, i) => ({
        name: each,
        colour: info?.colours?.[i] ?? manifest.classes[i]?.colour ?? "#5c718d",
        count: counts[i],
      }));
      const { column } = frame.colouring.peek();
      const known = [...state.hidden.peek()].filter((value) => value < names.length);
      if (column && column.name !== info?.name) state.hidden.value = new Set();
      else if (known.length < state.hidden.peek().size) state.hidden.value = new Set(known);
      const shown = info?.kind === "number" && labels ? { ...info, ...usual(labels) } : info;
      frame.colouring.value = { column: shown, values: labels, entries, unknown };
    }, complain(app));
  });
  effect(() => {
    const { index, palette } = app.marks.colours.value;
    app.map.setColours(index, palette);
  });
}
