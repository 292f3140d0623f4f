/** What the panel holds while the page is open, and what it does when asked. */

import { batch, effect, signal, untracked, type Signal } from "@preact/signals";
import { type App, wordsOf } from "../../contracts.ts";
import { holds } from "../../parts/again.ts";
import { landing } from "../../parts/landing.ts";
import { findEnd, readEnd, writeEnd, type End, type Found } from "./ends.ts";
import { walked, type Path, type Way } from "./way.ts";

/** Which end is meant. */
export type Side = "start" | "end";

/** The state of the feature in one page. */
export interface Store {
  start: Signal<End | null>;
  end: Signal<End | null>;
  steps: Signal<number>;
  /** The rows of the ends that are images, -1 for others. */
  rows: Signal<{ start: number; end: number }>;
  /** The ways that are there, the straight one first. */
  ways: Signal<Way[]>;
  /** Their places on the map, float32 [2 n] each. */
  places: Signal<Float32Array[]>;
  frame: Signal<number>;
  playing: Signal<boolean>;
  busy: Signal<boolean>;
  /** Why there is no way, in words. */
  why: Signal<string>;
  /** Which end the next click on the map sets, if any. */
  picking: Signal<Side | null>;
  turn: number;
}

/** Frames of a walk. */
export const STEPS = { least: 4, most: 32, usual: 12 } as const;

export const OWNER = "walk";
const stores = new WeakMap<App, Store>();

/** The store of a page. */
export function storeOf(app: App): Store {
  let store = stores.get(app);
  if (!store) stores.set(app, (store = freshStore()));
  return store;
}

function freshStore(): Store {
  return {
    start: signal(null),
    end: signal(null),
    steps: signal(STEPS.usual),
    rows: signal({ start: -1, end: -1 }),
    ways: signal([]),
    places: signal([]),
    frame: signal(0),
    playing: signal(false),
    busy: signal(false),
    why: signal(""),
    picking: signal(null),
    turn: 0,
  };
}

/** Opens the panel with a start, and an end where there is one; else the map is asked for it. */
export function walkFrom(app: App, start: End, end: End | null = null): void {
  const store = storeOf(app);
  batch(() => {
    store.start.value = start;
    if (end || store.end.peek() === null) store.end.value = end;
    app.state.panel.value = OWNER;
    store.picking.value = store.end.peek() ? null : "end";
  });
}

/** Sets one end; the map is no longer asked for it. */
export function setEnd(app: App, side: Side, end: End | null): void {
  const store = storeOf(app);
  batch(() => {
    store[side].value = end;
    if (store.picking.peek() === side) store.picking.value = null;
  });
}

/** Start and end change places. */
export function turnRound(app: App): void {
  const store = storeOf(app);
  batch(() => {
    const start = store.start.peek();
    store.start.value = store.end.peek();
    store.end.value = start;
  });
}

/** Keeps the ends, the walk, the map and the address in step. */
export function follow(app: App): void {
  const store = storeOf(app);
  const write = (end: End | null): string => writeEnd(app, end);
  const read = (text: string): End | null => readEnd(app, text);
  holds(() => [store.start, store.end].some((end) => end.peek()?.kind === "z"));
  app.keepInUrl("from", store.start, write, read);
  app.keepInUrl("to", store.end, write, read);
  app.keepInUrl("steps", store.steps, String, readSteps);
  let timer = 0;
  effect(() => {
    const [start, end, steps] = [store.start.value, store.end.value, store.steps.value];
    clearTimeout(timer);
    timer = window.setTimeout(() => void walk(app, start, end, steps), 60);
  });
  effect(() => {
    void [app.map.placed.value, store.ways.value];
    untracked(() => void settle(app, store));
  });
  effect(() => {
    void [store.places.value, store.frame.value, app.state.panel.value];
    app.map.redraw();
  });
}

function readSteps(text: string): number {
  const steps = Number(text);
  if (!Number.isInteger(steps) || steps < STEPS.least || steps > STEPS.most) throw new RangeError(text);
  return steps;
}

async function walk(app: App, start: End | null, end: End | null, steps: number): Promise<void> {
  const store = storeOf(app);
  const turn = ++store.turn;
  store.why.value = "";
  if (!start || !end) {
    store.playing.value = false;
    store.ways.value = [];
  }
  store.busy.value = Boolean(start && end);
  try {
    const ends = await Promise.all([start, end].map((each) => each && findEnd(app, each)));
    if (turn !== store.turn) return;
    const [a, b] = ends;
    store.rows.value = { start: a?.row ?? -1, end: b?.row ?? -1 };
    if (a && b) await walkBetween(app, store, [a, b], steps, turn);
  } catch (error) {
    if (turn === store.turn) fail(store, error);
  } finally {
    if (turn === store.turn) store.busy.value = false;
  }
}

async function walkBetween(
  app: App,
  store: Store,
  [a, b]: [Found, Found],
  steps: number,
  turn: number,
): Promise<void> {
  if (app.manifest.scope === "per-class" && a.told !== b.told) {
    const name = (label: number): string => app.manifest.classes[label]?.name ?? "?";
    store.ways.value = [];
    store.why.value = app.t("walk.own-space", { a: name(a.told), b: name(b.told) });
    return;
  }
  const ways: Way[] = [];
  for (const path of ["linear", "graph"] satisfies Path[]) {
    try {
      const way = await walked(app, path, a, b, steps);
      if (!way || turn !== store.turn) return;
      ways.push(way);
    } catch (error) {
      if (turn !== store.turn) return;
      fail(store, error, false);
    }
    batch(() => {
      store.ways.value = [...ways];
      store.frame.value = Math.min(store.frame.peek(), steps - 1);
    });
  }
}

function fail(store: Store, error: unknown, clear = true): void {
  if (clear) store.ways.value = [];
  store.why.value = wordsOf(error);
}

async function settle(app: App, store: Store): Promise<void> {
  const [ways, placed] = [store.ways.peek(), app.map.placed.peek()];
  try {
    const places = await Promise.all(ways.map((way) => landing(app, way.z, way.told)));
    if (ways === store.ways.peek() && placed === app.map.placed.peek()) store.places.value = places;
  } catch {
    // A map that cannot be had says so itself; the films do without it.
    store.places.value = [];
  }
}
