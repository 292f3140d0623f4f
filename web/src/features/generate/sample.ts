/** A sample with everything that the page says about it. */

import type { App } from "../../contracts.ts";
import { winners } from "../../parts/odds.ts";
import { fogWithin } from "../../parts/within.ts";
import type { Drawn } from "./draw.ts";

/** One drawn latent vector. */
export interface Sample {
  z: Float32Array;
  /** The label that the decoder was told, -1 for none. */
  told: number;
  image: ImageData;
  /** Odds of each class [K], null without labels. */
  odds: Float32Array | null;
  /** The class with the highest odds, else the one told, else -1. */
  reads: number;
  /** 0 clear .. 1 nothing real near. */
  fog: number;
  /** The training image whose latent is nearest; row -1 where there is none. */
  near: { row: number; distance: number };
}

/** How many of the nearest rows are looked through, in turn, for one that was trained on. */
const LOOKED = [8, 64, 512];

/** Decodes latents and finds their odds and their nearest training images; null when a later call
 * has overtaken this one. */
export async function described(app: App, drawn: Drawn): Promise<Sample[] | null> {
  const { manifest, decoder, latents } = app;
  const { z, told } = drawn;
  const dim = manifest.latentDim;
  const [height, width] = manifest.shape;
  const rgba = await decoder?.decode(z, told, "generate");
  if (!rgba) return null;
  const [odds, fog] = await Promise.all([latents.odds(z), fogWithin(app, z, told)]);
  const classes = odds ? odds.length / told.length : 0;
  const best = odds ? winners(odds, classes) : told;
  const near = await Promise.all(
    Array.from(told, (label, i) => nearestTrained(app, z.slice(i * dim, (i + 1) * dim), label)),
  );
  const bytes = 4 * width * height;
  return Array.from(told, (label, i) => ({
    z: z.slice(i * dim, (i + 1) * dim),
    told: label,
    image: new ImageData(new Uint8ClampedArray(rgba.subarray(i * bytes, (i + 1) * bytes)), width, height),
    odds: odds && odds.slice(i * classes, (i + 1) * classes),
    reads: best[i],
    fog: fog[i],
    near: near[i],
  }));
}

async function nearestTrained(app: App, z: Float32Array, told: number): Promise<Sample["near"]> {
  const train = app.manifest.splits.indexOf("train");
  const { splits } = app.columns;
  let first = { row: -1, distance: NaN };
  for (const k of LOOKED) {
    const own = app.manifest.scope === "global" ? -1 : told;
    const { rows, distances } = await app.latents.nearest(z, k, -1, own);
    if (rows.length > 0) first = { row: rows[0], distance: distances[0] };
    const place = rows.findIndex((row) => train < 0 || splits[row] === train);
    if (place >= 0) return { row: rows[place], distance: distances[place] };
    if (rows.length < k) break;
  }
  return first;
}
