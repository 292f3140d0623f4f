/** The pixels of a tile of the ground: decoded images that fade into the fog. */

import { CELLS } from "./tiles.ts";

/** How images turn into ground.
 *
 * `plain`: as they are. `ink`: strokes on an empty ground (digits, letters); the strokes take the
 * colour of the page's ink, the ground of the image is clear. `paper`: the same for dark strokes
 * on white.
 */
export type Material = "plain" | "ink" | "paper";

/** Colours of the page, red green blue 0..255. */
export interface Colours {
  ink: number[];
}

/** What a tile is painted from. */
export interface TileParts {
  /** RGBA [CELLS² H W 4]. */
  pixels: Uint8ClampedArray;
  height: number;
  width: number;
  /** 0..1 for each cell. */
  fog: Float32Array;
}

const EMPTY = 0.1;
const MOSTLY = 0.6;

/** Which material decoded images RGBA [n H W 4] are: grey ones of whose outermost pixels most are
 * nearly black are ink, those with most nearly white are paper. */
export function materialOf(pixels: Uint8ClampedArray, height: number, width: number, channels: number): Material {
  if (channels !== 1) return "plain";
  const n = pixels.length / (height * width * 4);
  let [black, white, count] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    for (let y = 0; y < height; y++) {
      const step = y === 0 || y === height - 1 ? 1 : Math.max(1, width - 1);
      for (let x = 0; x < width; x += step) {
        const value = pixels[4 * ((i * height + y) * width + x)] / 255;
        if (value < EMPTY) black++;
        else if (value > 1 - EMPTY) white++;
        count++;
      }
    }
  }
  return black > MOSTLY * count ? "ink" : white > MOSTLY * count ? "paper" : "plain";
}

const LEAST_PIXELS = 28;
const MOST_PIXELS = 48;

/** Pixels across the longer side of an image in a tile: whole multiples of small images, at most
 * 48 of large ones. */
export function pixelsOf(height: number, width: number): number {
  const longer = Math.max(height, width);
  return longer >= LEAST_PIXELS ? Math.min(longer, MOST_PIXELS) : longer * Math.ceil(LEAST_PIXELS / longer);
}

/** Pixels across a cell of a tile: those of the image, and a gap around them. */
export function rasterOf(height: number, width: number): number {
  const pixels = pixelsOf(height, width);
  return pixels + 2 * Math.ceil(pixels / 32);
}

/** RGBA of a tile [side side 4], side = CELLS raster.
 *
 * A pixel's opacity is 1 - fog, times the stroke where the material is ink or paper.
 */
export function paintTile(parts: TileParts, raster: number, material: Material, colours: Colours): Uint8ClampedArray<ArrayBuffer> {
  const side = CELLS * raster;
  const out = new Uint8ClampedArray(side * side * 4);
  for (let cell = 0; cell < CELLS * CELLS; cell++) paintCell(out, side, cell, parts, raster, material, colours);
  return out;
}

function paintCell(
  out: Uint8ClampedArray,
  side: number,
  cell: number,
  parts: TileParts,
  raster: number,
  material: Material,
  colours: Colours,
): void {
  const { height, width, pixels } = parts;
  const scale = pixelsOf(height, width) / Math.max(height, width);
  const left = Math.floor((raster - width * scale) / 2);
  const top = Math.floor((raster - height * scale) / 2);
  const clear = 1 - parts.fog[cell];
  const x0 = (cell % CELLS) * raster;
  const y0 = Math.floor(cell / CELLS) * raster;
  for (let y = 0; y < raster; y++) {
    const sy = Math.floor((y - top) / scale);
    for (let x = 0; x < raster; x++) {
      const sx = Math.floor((x - left) / scale);
      const to = 4 * ((y0 + y) * side + x0 + x);
      const inside = sx >= 0 && sy >= 0 && sx < width && sy < height;
      const from = 4 * ((cell * height + sy) * width + sx);
      let alpha = 0;
      if (inside && material === "plain") {
        alpha = 255 * clear;
        out.set(pixels.subarray(from, from + 3), to);
      } else if (inside) {
        alpha = (material === "ink" ? pixels[from] : 255 - pixels[from]) * clear;
        out.set(colours.ink, to);
      }
      out[to + 3] = alpha;
    }
  }
}
