/** Latents of the scope per-class are compared only within the space of their own label. */

import type { App } from "../contracts.ts";

/** The label whose rows alone count for a latent that was told `label`, -1 for all. */
export function amongOf(app: App, label: number): number {
  return app.manifest.scope === "per-class" ? label : -1;
}

/** `Latents.walk` within the space of a label. */
export function walkWithin(
  app: App,
  ends: [Float32Array, Float32Array],
  steps: number,
  path: "linear" | "graph",
  label: number,
): Promise<Float32Array> {
  return app.latents.walk(...ends, steps, path, amongOf(app, label));
}

/** `Latents.fog` of latents [n D], each within the space of its label [n]: float32 [n]. */
export function fogWithin(app: App, z: Float32Array, labels: ArrayLike<number>): Promise<Float32Array> {
  return byLabel(app, z, labels, 1, (some, among) => app.latents.fog(some, among));
}

/** `Latents.place` of latents [n D], each within the space of its label [n]: float32 [2 n]. */
export function placeWithin(
  app: App,
  z: Float32Array,
  map: string,
  labels: ArrayLike<number>,
): Promise<Float32Array> {
  return byLabel(app, z, labels, 2, (some, among) => app.latents.place(some, map, among));
}

/** Calls `run` once for each label that counts and puts its answers [n width] back in order. */
async function byLabel(
  app: App,
  z: Float32Array,
  labels: ArrayLike<number>,
  width: number,
  run: (z: Float32Array, among: number) => Promise<Float32Array>,
): Promise<Float32Array> {
  const dim = app.manifest.latentDim;
  const own = Array.from(labels, (label) => amongOf(app, label));
  const out = new Float32Array(own.length * width);
  for (const among of new Set(own)) {
    const places = [...own.keys()].filter((i) => own[i] === among);
    const some = new Float32Array(places.length * dim);
    places.forEach((place, i) => some.set(z.subarray(place * dim, (place + 1) * dim), i * dim));
    const answer = await run(some, among);
    places.forEach((place, i) => out.set(answer.subarray(i * width, (i + 1) * width), place * width));
  }
  return out;
}
