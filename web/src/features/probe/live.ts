/** What is decoded now: at the cursor, or the latent vector that is pinned. */

import { effect, signal, type Signal } from "@preact/signals";
import { type App, type Probe, wordsOf } from "../../contracts.ts";
import { latest } from "../../parts/latest.ts";
import { fogAt, labelsAt, latentAt, wayNow, waysOf, type Way } from "../../parts/latentAt.ts";
import { amongOf } from "../../parts/within.ts";
import { keepPinned } from "./kept.ts";
import { cameFromPlace } from "./origin.ts";

/** A latent vector that has been decoded. */
export interface Shown {
  probe: Probe;
  way: Way;
  /** RGBA [H W 4]. */
  pixels: Uint8ClampedArray;
}

/** What is known about the latent vector on show; comes a moment after its picture. */
export interface Facts {
  of: Shown;
  /** 0..1. */
  fog: number;
  /** [K], null without labels. */
  odds: Float32Array | null;
}

/** Signals of the card. */
export interface Live {
  shown: Signal<Shown | null>;
  facts: Signal<Facts | null>;
  /** Milliseconds from the latent vector to its pixels: the median of the last few. */
  time: Signal<number>;
  times: number[];
  /** The reader chooses a way, which then stays wherever a map offers it. */
  choose(way: Way): void;
}

/** Where a probe is to be made: on the map, or of a vector that is given. */
type Target = { x: number; y: number } | { probe: Probe };

const TIMES = 9;

/** Decodes under the cursor from now on; `state.probe`, where set, comes before the cursor. */
export function follow(app: App): Live {
  const live: Live = { shown: signal(null), facts: signal(null), time: signal(NaN), times: [], choose: chooser(app) };
  let failure = "";
  const failed = (error: unknown) => {
    const words = wordsOf(error);
    // The cursor would say the same at every move.
    if (words !== failure) app.say(words, "error");
    failure = words;
  };
  const learn = latest<Shown>((shown) => learnFacts(app, live, shown), failed);
  const decode = latest<Target>(async (target) => {
    const shown = await decodeTarget(app, live, target);
    if (!shown) return;
    failure = "";
    live.shown.value = shown;
    learn(shown);
  }, failed);
  effect(() => {
    const pinned = app.state.probe.value;
    const cursor = app.state.cursor.value;
    void wayNow(app);
    if (pinned) decode({ probe: pinned });
    else if (cursor) decode(cursor);
  });
  keepPlaced(app, failed);
  keepPinned(app, failed);
  return live;
}

/** Until the reader chooses, each map is shown by its best way. */
function chooser(app: App): (way: Way) => void {
  let chosen = new URLSearchParams(location.hash.slice(1)).has("way");
  effect(() => {
    const [best] = waysOf(app);
    if (!chosen) app.state.way.value = best;
  });
  return (way) => {
    chosen = true;
    app.state.way.value = way;
  };
}

async function decodeTarget(app: App, live: Live, target: Target): Promise<Shown | null> {
  const way = wayNow(app);
  const probe = "probe" in target ? target.probe : await probeAt(app, target.x, target.y, way);
  if (!probe || !app.decoder) return null;
  const start = performance.now();
  const told = app.manifest.scope === "global" ? null : [probe.label];
  const pixels = await app.decoder.decode(probe.z, told, "cursor");
  if (!pixels) return null;
  const time = performance.now() - start;
  // The first call waits for the net to arrive, which is no time of decoding.
  if (live.shown.peek()) live.times.push(time);
  if (live.times.length > TIMES) live.times.shift();
  live.time.value = [...live.times].sort((a, b) => a - b)[live.times.length >> 1] ?? NaN;
  return { probe, way, pixels };
}

/** The probe of a place of the map, not yet decoded; null where a newer one of the lane overtook it. */
export async function probeAt(app: App, x: number, y: number, way = wayNow(app), lane = "cursor"): Promise<Probe | null> {
  const xy = Float32Array.of(x, y);
  const [z, labels] = await Promise.all([latentAt(app, x, y, way, lane), labelsAt(app, xy)]);
  if (!z) return null;
  const probe = { z, label: labels?.[0] ?? -1, x, y };
  cameFromPlace(app, probe, way);
  return probe;
}

async function learnFacts(app: App, live: Live, shown: Shown): Promise<void> {
  const { probe, way } = shown;
  // A vector from elsewhere need not lie where the map shows it; its own fog is what counts.
  const own = app.state.probe.peek() === probe;
  const [fog, odds] = await Promise.all([
    own
      ? app.latents.fog(probe.z, amongOf(app, probe.label))
      : fogAt(app, Float32Array.of(probe.x, probe.y), probe.z, way),
    app.latents.odds(probe.z),
  ]);
  live.facts.value = { of: shown, fog: fog[0], odds };
}

/** A pinned vector keeps its place when another map is shown. */
function keepPlaced(app: App, failed: (error: unknown) => void): void {
  let before = app.state.map.peek();
  effect(() => {
    const map = app.state.map.value;
    const probe = app.state.probe.peek();
    if (map === before) return;
    before = map;
    if (!probe) return;
    app.latents.place(probe.z, map, amongOf(app, probe.label)).then(([x, y]) => {
      if (app.state.probe.peek() === probe) app.state.probe.value = { ...probe, x, y };
    }, failed);
  });
}
