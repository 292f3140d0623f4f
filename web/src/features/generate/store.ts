/** What the panel holds while the page is open, and what it does when asked. */

import { effect, signal, untracked, type Signal } from "@preact/signals";
import { type App, type Extra, wordsOf } from "../../contracts.ts";
import { holds } from "../../parts/again.ts";
import { flyTo, landing } from "../../parts/landing.ts";
import { colourOf } from "../../parts/odds.ts";
import { readAsk, sameAsk, writeAsk, type Ask } from "./ask.ts";
import { drawHere, drawOnServer, mixtureOf } from "./draw.ts";
import { described, type Sample } from "./sample.ts";

/** The state of the feature in one page. */
export interface Store {
  ask: Signal<Ask>;
  samples: Signal<Sample[]>;
  /** What the samples were asked for; null before the first. */
  answered: Signal<Ask | null>;
  /** Samples with their places on the map, float32 [2 n], which are known a moment later. */
  placed: { samples: Sample[]; xy: Float32Array };
  /** Work on the server that is waited for: 0..1 and words. */
  busy: Signal<{ done: number; text: string } | null>;
  error: Signal<string>;
  /** The sample that is looked at, -1 for none. */
  chosen: Signal<number>;
  /** Whether each sample has its nearest real image beside it. */
  pairs: Signal<boolean>;
  /** Whether the samples stay on the map while another panel is open, or none. */
  stay: Signal<boolean>;
  stop: AbortController | null;
  /** Counts the draws, so that only the latest is shown. */
  turn: number;
}

const OWNER = "generate";
const stores = new WeakMap<App, Store>();

/** The store of a page. */
export function storeOf(app: App): Store {
  let store = stores.get(app);
  if (!store) stores.set(app, (store = freshStore(app)));
  return store;
}

function freshStore(app: App): Store {
  return {
    ask: signal({ prior: firstPrior(app), label: -1, temperature: 1, seed: 0, n: 24 }),
    samples: signal([]),
    answered: signal(null),
    placed: { samples: [], xy: new Float32Array(0) },
    busy: signal(null),
    error: signal(""),
    chosen: signal(-1),
    pairs: signal(false),
    stay: signal(false),
    stop: null,
    turn: 0,
  };
}

function firstPrior(app: App): string {
  const { mixtures, priors } = app.manifest;
  const here = mixtures.find((each) => each.name === "gmm") ?? mixtures[0];
  return here?.name ?? priors.find((each) => each.fitted)?.name ?? priors[0]?.name ?? "";
}

/** Whether a prior can be drawn from in the page itself. */
export function isHere(app: App, ask: Ask): boolean {
  return mixtureOf(app.manifest, ask.prior) !== undefined;
}

/** Keeps the map, the address and the samples in step. */
export function start(app: App): void {
  const store = storeOf(app);
  const { classes, mixtures, priors } = app.manifest;
  const names = new Set([...mixtures, ...priors].map((each) => each.name));
  app.keepInUrl("generate", store.ask, writeAsk, (text) => readAsk(text, names, classes.length));
  holds(() => store.samples.peek().length > 0);
  let timer = 0;
  effect(() => {
    const ask = store.ask.value;
    if (app.state.panel.value !== OWNER || !isHere(app, ask) || sameAsk(store.answered.peek(), ask)) return;
    clearTimeout(timer);
    timer = window.setTimeout(() => void draw(app), 40);
  });
  effect(() => {
    void [app.map.placed.value, store.samples.value];
    untracked(() => void settle(app, store));
  });
  effect(() => {
    void [app.state.panel.value, store.stay.value];
    show(app, store);
  });
}

/** Puts the samples on the map while they are what the reader looks at. */
function show(app: App, store: Store): void {
  const shown = app.state.panel.peek() === OWNER || store.stay.peek();
  const samples = shown ? store.samples.peek() : [];
  app.showExtras(OWNER, samples.map((sample, i) => extraOf(app, store, sample, i)).filter(isPlaced));
}

/** Draws what is asked for. */
export async function draw(app: App): Promise<void> {
  const store = storeOf(app);
  const ask = store.ask.peek();
  const turn = ++store.turn;
  store.stop?.abort();
  store.error.value = "";
  try {
    const drawn = isHere(app, ask) ? await drawHere(app, ask) : await fromServer(app, store, ask);
    const samples = turn === store.turn ? await described(app, drawn) : null;
    if (!samples || turn !== store.turn) return;
    if (store.chosen.peek() >= samples.length) store.chosen.value = -1;
    // What was drawn from is fitted by now, whatever the page was told when it was opened.
    const drawnFrom = app.manifest.priors.find((each) => each.name === ask.prior);
    if (drawnFrom) drawnFrom.fitted = true;
    store.answered.value = ask;
    store.samples.value = samples;
  } catch (error) {
    if (turn !== store.turn || store.stop?.signal.aborted) return;
    store.error.value = wordsOf(error);
  } finally {
    if (turn === store.turn) store.busy.value = null;
  }
}

async function fromServer(app: App, store: Store, ask: Ask) {
  const stop = (store.stop = new AbortController());
  store.busy.value = { done: 0, text: "" };
  const onProgress = (done: number, text: string): void => {
    if (!stop.signal.aborted) store.busy.value = { done, text };
  };
  return drawOnServer(app, ask, onProgress, stop.signal);
}

/** Stops work on the server. */
export function cancel(app: App): void {
  const store = storeOf(app);
  store.stop?.abort();
  store.busy.value = null;
}

/** Takes the samples away, from the panel and from the map. */
export function clear(app: App): void {
  const store = storeOf(app);
  store.turn++;
  cancel(app);
  store.samples.value = [];
  store.chosen.value = -1;
}

/** Looks at one sample: flies there and puts it under scrutiny. */
export function choose(app: App, i: number): void {
  const store = storeOf(app);
  const sample = store.samples.peek()[i];
  if (!sample) return;
  const [x, y] = placeOf(store, i);
  store.chosen.value = i;
  app.state.probe.value = { z: sample.z, label: sample.told, x, y };
  flyTo(app, x, y);
}

function placeOf(store: Store, i: number): [number, number] {
  const { samples, xy } = store.placed;
  return samples === store.samples.peek() ? [xy[2 * i], xy[2 * i + 1]] : [NaN, NaN];
}

async function settle(app: App, store: Store): Promise<void> {
  const samples = store.samples.peek();
  const dim = app.manifest.latentDim;
  const z = new Float32Array(samples.length * dim);
  samples.forEach((sample, i) => z.set(sample.z, i * dim));
  try {
    const placed = app.map.placed.peek();
    const xy = await landing(app, z, samples.map((sample) => sample.told));
    if (samples !== store.samples.peek() || placed !== app.map.placed.peek()) return;
    const first = store.placed.samples !== samples;
    store.placed = { samples, xy };
    show(app, store);
    // One that was chosen before its place was known is gone to now.
    const chosen = store.chosen.peek();
    if (first && chosen >= 0 && app.state.probe.peek()?.z === samples[chosen]?.z) choose(app, chosen);
  } catch (error) {
    store.error.value = wordsOf(error);
  }
}

function extraOf(app: App, store: Store, sample: Sample, i: number): Extra {
  const [x, y] = placeOf(store, i);
  return {
    x,
    y,
    colour: colourOf(app.manifest, sample.reads),
    image: sample.image,
    onOpen: () => {
      app.state.panel.value = OWNER;
      choose(app, i);
    },
  };
}

function isPlaced(extra: Extra): boolean {
  return !Number.isNaN(extra.x) && !Number.isNaN(extra.y);
}
