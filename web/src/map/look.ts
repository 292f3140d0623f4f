/** How large and how opaque the points are, from how crowded they are. */

import { boxOf } from "./camera.ts";

/** Radii in CSS pixels and opacities in 0..1 of the points and of the grey of context. */
export interface Look {
  radius: number;
  opacity: number;
  contextRadius: number;
  contextOpacity: number;
}

/** Points for each unit² of the map, as the median point sees it; 0 without places.
 * Counted on a grid of 64 x 64 cells over the box of the places float32 [2 N].
 */
export function crowding(xy: Float32Array): number {
  const box = boxOf(xy);
  if (!box) return 0;
  const side = 64;
  const wide = Math.max(box.x1 - box.x0, box.y1 - box.y0) || 1;
  const counts = new Uint32Array(side * side);
  const cell = (wide * 1.00001) / side;
  let total = 0;
  for (let i = 0; i < xy.length; i += 2) {
    const at = Math.floor((xy[i + 1] - box.y0) / cell) * side + Math.floor((xy[i] - box.x0) / cell);
    if (!(at >= 0)) continue;
    counts[at]++;
    total++;
  }
  // The median over points, not over cells: a cell weighs as much as it holds.
  counts.sort();
  let seen = 0;
  for (let i = 0; i < counts.length; i++) {
    seen += counts[i];
    if (2 * seen >= total) return counts[i] / (cell * cell);
  }
  return 0;
}

/** The look of points at a scale (pixels for each unit).
 *
 * With d the distance between neighbours on the screen, 1 / sqrt(crowding) · scale, the diameter
 * is 2 d^0.55 within bounds: it grows, but slower than the map. Opacity falls with the share of
 * the paper that the dots would cover if they did not overlap; on dark paper, where thin colour
 * looks weaker, it falls less. `size` and `opacity` multiply.
 */
export function lookAt(
  crowded: number,
  scale: number,
  { size, opacity, dark }: { size: number; opacity: number; dark: boolean },
): Look {
  const gap = crowded > 0 ? scale / Math.sqrt(crowded) : 30;
  const diameter = Math.min(Math.max(2 * gap ** 0.55, 1.3), 15) * size;
  const cover = (0.785 * diameter * diameter) / (gap * gap);
  const [fall, least] = dark ? [0.19, 0.36] : [0.3, 0.22];
  const through = Math.min(Math.max(0.88 - fall * Math.log1p(cover), least), 0.88);
  return {
    radius: diameter / 2,
    opacity: Math.min(through * opacity, 1),
    contextRadius: diameter * 0.4,
    contextOpacity: Math.min(through * (dark ? 0.75 : 0.6) * opacity, 1),
  };
}
