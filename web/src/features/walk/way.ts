/** One way from a to b, with everything that the page says about its frames. */

import { PageError, type App } from "../../contracts.ts";
import { flipsOf, winners, type Flip } from "../../parts/odds.ts";
import { fogWithin, walkWithin } from "../../parts/within.ts";
import type { Found } from "./ends.ts";

/** Straight across the latent space, or along the images that are there. */
export type Path = "linear" | "graph";

/** A way in frames. */
export interface Way {
  path: Path;
  /** Latents float32 [n D]. */
  z: Float32Array;
  /** The label told of each frame, int16 [n], -1 for none. */
  told: Int16Array;
  images: ImageData[];
  /** Odds [K] of each frame, null without labels. */
  odds: Float32Array[] | null;
  /** The winning class of each frame, int16 [n], -1 without odds. */
  winners: Int16Array;
  flips: Flip[];
  /** 0 clear .. 1 nothing real near, float32 [n]. */
  fog: Float32Array;
}

/** The label told of each of n frames: that of the nearer end, as `latlas walk` does it. */
export function toldAlong(n: number, first: number, last: number): Int16Array {
  return Int16Array.from({ length: n }, (_, i) => (i < n / 2 ? first : last));
}

/** Walks from a to b in so many steps; null when a later walk has overtaken this one.
 * @throws PageError where no way joins them. */
export async function walked(
  app: App,
  path: Path,
  a: Found,
  b: Found,
  steps: number,
): Promise<Way | null> {
  const { decoder, latents, manifest } = app;
  if (!decoder) throw new PageError(app.t("walk.no-decoder"));
  const z = await walkWithin(app, [a.z, b.z], steps, path, a.told);
  const told = toldAlong(steps, a.told, b.told);
  const rgba = await decoder.decode(z, told, `walk-${path}`);
  if (!rgba) return null;
  const [odds, fog] = await Promise.all([latents.odds(z), fogWithin(app, z, told)]);
  const classes = odds ? odds.length / steps : 0;
  const best = odds ? winners(odds, classes) : new Int16Array(steps).fill(-1);
  const [height, width] = manifest.shape;
  const bytes = 4 * width * height;
  const images = Array.from({ length: steps }, (_, i) => {
    return new ImageData(new Uint8ClampedArray(rgba.subarray(i * bytes, (i + 1) * bytes)), width, height);
  });
  const rows = odds && Array.from({ length: steps }, (_, i) => odds.slice(i * classes, (i + 1) * classes));
  return { path, z, told, images, odds: rows, winners: best, flips: flipsOf(best), fog };
}
