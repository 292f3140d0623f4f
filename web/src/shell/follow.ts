/** What happens on the map when the state changes: places, colours, rings, cards. */

import { computed, effect } from "@preact/signals";
import type { App, Extra } from "../contracts.ts";
import { onPaper, paint } from "./colours.ts";
import type { Frame } from "./frame.ts";
import { panelled } from "./layout.ts";

const FLIGHT = 900;
const WIDE = 1.5;

/** Keeps the map in step with the state. Resolves when the points are drawn for the first time. */
export async function follow(app: App, frame: Frame): Promise<void> {
  const { state, manifest } = app;
  effect(() => {
    document.documentElement.dataset.theme = frame.dark.value ? "dark" : "light";
    document.documentElement.lang = state.language.value;
    app.map.redraw();
  });
  followColours(app, frame);
  await place(app, frame, 0);
  let first = true;
  effect(() => {
    void [state.map.value, state.apart.value];
    if (!first) void place(app, frame, reducedMotion() ? 0 : FLIGHT).catch(complain(app));
    first = false;
  });
  effect(() => {
    const rings = [state.pinned.value, state.hover.value].filter((row) => row >= 0);
    const colour = frame.dark.value ? "#ffffff" : "#111820";
    app.map.setRings(rings.map((row) => ({ row, colour, radius: 7 })));
  });
  effect(() => {
    if (frame.carded.value < 0) frame.lines.value = { row: -1, near: new Uint32Array(0) };
    app.map.redraw();
  });
  for (const part of [state.names, state.show, state.selection, state.hidden, state.ground, state.borders]) {
    part.subscribe(() => app.map.redraw());
  }
  effect(() => {
    const whole = state.show.value === "dots" ? 1 : 0.25;
    app.map.setLook(1, whole);
  });
  if (state.pinned.peek() >= manifest.rows) state.pinned.value = -1;
}

function complain(app: App): (error: unknown) => void {
  return (error) => app.say(error instanceof Error ? error.message : String(error), "error");
}

/** Whether the reader asked the system for less motion. */
export function reducedMotion(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

async function place(app: App, frame: Frame, animate: number): Promise<void> {
  const { state, manifest } = app;
  const name = manifest.maps.some((map) => map.name === state.map.value) ? state.map.value : manifest.maps[0]?.name;
  if (!name) {
    await app.map.setPlaces(new Float32Array(2 * manifest.rows).fill(NaN), 0);
    return;
  }
  if (name !== state.map.value) state.map.value = name;
  const xy = await app.columns.map(name);
  if (name !== state.map.peek()) return;
  const { width, height } = app.map.size.peek();
  if (state.apart.peek() && manifest.classes.length > 1) {
    const layout = panelled(xy, owners(app), manifest.classes.length, width / Math.max(height, 1) / (width > 900 ? 1 : WIDE));
    frame.panels.value = layout.panels;
    const flight = app.map.setPlaces(layout.places, animate);
    app.map.fit(undefined, animate);
    await flight;
  } else {
    frame.panels.value = [];
    const flight = app.map.setPlaces(xy, animate);
    app.map.fit(undefined, animate);
    await flight;
  }
}

/** The panel of each row: its label, or the class whose model it was given to. */
function owners(app: App): Int16Array {
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
    const values = info ? app.columns.column(info.name) : Promise.resolve(null);
    values.then((found) => {
      if (mine !== latest) return;
      const labels = name === "label" ? app.columns.labels : found;
      const names = info?.names ?? [];
      const counts = new Uint32Array(names.length);
      if (labels) for (let row = 0; row < labels.length; row++) if (labels[row] >= 0) counts[labels[row]]++;
      const entries = names.map((each, i) => ({
        name: each,
        colour: info?.colours?.[i] ?? manifest.classes[i]?.colour ?? "#5c718d",
        count: counts[i],
      }));
      if (frame.colouring.peek().column?.name !== info?.name && frame.colouring.peek().column) state.hidden.value = new Set();
      frame.colouring.value = { column: info, values: labels, entries };
    }, complain(app));
  });
  const painted = computed(() =>
    paint(frame.colouring.value, manifest.rows, state.hidden.value, state.selection.value, frame.dark.value),
  );
  effect(() => {
    const { index, palette } = painted.value;
    app.map.setColours(index, palette);
  });
}

/** The colour of a class as it is drawn now. */
export function classColour(app: App, label: number, dark: boolean): string {
  const info = app.manifest.classes[label];
  return info ? onPaper(info.colour, dark) : dark ? "#9aa3af" : "#5c718d";
}

/** Opens an extra point that was clicked. */
export function openExtra(extra: Extra): void {
  extra.onOpen?.();
}
