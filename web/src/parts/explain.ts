/** How each class's model (or the one model told each class) draws an image. */

import type { App } from "../contracts.ts";
import { fittedClasses } from "../shell/classes.ts";

/** One class's way to draw an image. */
export interface Explanation {
  label: number;
  /** float32 [D], in the space of this label. */
  z: Float32Array;
  /** RGBA bytes [H W 4]. */
  rgba: Uint8ClampedArray;
  /** Mean squared error per pixel value, images in 0..1. */
  error: number;
}

/** Encodes and decodes pixels float32 [H W C] in 0..1 as each class would; the least error first.
 *
 * A space for all classes has one way only, with label -1.
 */
export async function explain(app: App, pixels: Float32Array): Promise<Explanation[]> {
  const { manifest, decoder } = app;
  if (!decoder) return [];
  const labels = manifest.scope === "global" ? [-1] : [...fittedClasses(manifest).keys()];
  const found: Explanation[] = [];
  for (const label of labels) {
    const z = await decoder.encode(pixels, [label]);
    const rgba = await decoder.decode(z, [label]);
    if (rgba) found.push({ label, z, rgba, error: squaredError(pixels, rgba, manifest.shape[2]) });
  }
  return found.sort((a, b) => a.error - b.error);
}

/** Mean squared difference of pixels [H W C] in 0..1 and RGBA bytes [H W 4]. */
export function squaredError(pixels: Float32Array, rgba: Uint8ClampedArray, channels: number): number {
  let sum = 0;
  for (let at = 0; at < pixels.length; at++) {
    const value = rgba[Math.floor(at / channels) * 4 + (at % channels)] / 255;
    sum += (pixels[at] - value) ** 2;
  }
  return sum / pixels.length;
}

/** RGBA of the size of the space's images -> pixels float32 [H W C] in 0..1. */
export function pixelsOf(image: ImageData, channels: number): Float32Array {
  const pixels = new Float32Array(image.width * image.height * channels);
  const { data } = image;
  for (let at = 0; at < image.width * image.height; at++) {
    if (channels === 1) {
      // ITU-R BT.601 luma, as Pillow's mode "L".
      pixels[at] = (0.299 * data[4 * at] + 0.587 * data[4 * at + 1] + 0.114 * data[4 * at + 2]) / 255;
    } else {
      for (let c = 0; c < channels; c++) pixels[at * channels + c] = data[4 * at + c] / 255;
    }
  }
  return pixels;
}
