/** Draws latents: of which class, with which stream of chance, here or on the server. */

import { PageError, type App, type Manifest, type MixtureInfo } from "../../contracts.ts";
import type { Ask } from "./ask.ts";

/** Latents float32 [n D] with the label that the decoder is told of each, int16 [n] (-1: none). */
export interface Drawn {
  z: Float32Array;
  told: Int16Array;
}

/** A stream of numbers in 0..1, the same for the same seed (G. Marsaglia, "Xorshift RNGs", Journal
 * of Statistical Software 8, 2003). */
export function chance(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** The mixture that the page holds under the name of a prior. */
export function mixtureOf(manifest: Manifest, prior: string): MixtureInfo | undefined {
  return manifest.mixtures.find((each) => each.name === prior);
}

/** The label told of each of n samples, int16 [n]: the one asked for; where none is, -1 in the
 * scope global, and in the others one as frequent as among the images of the space. */
export function toldLabels(manifest: Manifest, ask: Ask): Int16Array {
  const told = new Int16Array(ask.n).fill(ask.label);
  if (ask.label >= 0 || manifest.scope === "global") return told;
  const has = new Set(mixtureOf(manifest, ask.prior)?.densities.map((each) => each.label));
  const weights = manifest.classes.map((each, label) => (has.has(label) ? each.count : 0));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total === 0) return told;
  const next = chance(ask.seed);
  for (let i = 0; i < told.length; i++) {
    let left = next() * total;
    told[i] = weights.findIndex((weight) => (left -= weight) < 0);
  }
  return told;
}

/** The stream of one label, which does not depend on the labels beside it. */
export function streamOf(seed: number, label: number): number {
  return (seed * 10_007 + label + 1) >>> 0;
}

/** Draws from a mixture that the page holds. */
export async function drawHere(app: App, ask: Ask): Promise<Drawn> {
  const dim = app.manifest.latentDim;
  const told = toldLabels(app.manifest, ask);
  const z = new Float32Array(ask.n * dim);
  for (const label of new Set(told)) {
    const places = [...told.keys()].filter((i) => told[i] === label);
    const { prior, temperature, seed } = ask;
    const stream = streamOf(seed, label);
    const own = await app.latents.sample(prior, places.length, label, temperature, stream);
    places.forEach((place, i) => z.set(own.subarray(i * dim, (i + 1) * dim), place * dim));
  }
  return { z, told };
}

/** What the server answers to POST /sample. */
interface Sampled {
  z: number[][];
  labels: (string | number | null)[];
}

/** Draws on the server, whatever the prior; a prior that is not fitted yet is fitted first. */
export async function drawOnServer(
  app: App,
  ask: Ask,
  onProgress: (done: number, text: string) => void,
  signal: AbortSignal,
): Promise<Drawn> {
  const { manifest, server } = app;
  if (!server) throw new PageError(app.t("generate.needs-server", { prior: ask.prior }));
  const body = {
    n: ask.n,
    label: ask.label < 0 ? null : manifest.classes[ask.label].name,
    prior: ask.prior,
    temperature: ask.temperature,
    seed: ask.seed,
  };
  const { z, labels } = await server.job<Sampled>("/sample", body, onProgress, signal);
  return {
    z: Float32Array.from(z.flat()),
    told: Int16Array.from(labels, (label) => numberOf(manifest, label)),
  };
}

function numberOf(manifest: Manifest, label: string | number | null): number {
  if (typeof label === "number") return label;
  return manifest.classes.findIndex((each) => each.name === label);
}
