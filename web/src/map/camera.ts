/** View maths: pixels to map and back, fitting a box, zooming about a point, flights. */

import type { View } from "../contracts.ts";

/** The canvas in CSS pixels. */
export interface Size {
  width: number;
  height: number;
}

/** A box of map coordinates. */
export interface Box {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

/** Canvas pixels [x, y] (origin at the top left) of a place of the map. */
export function toScreen(view: View, size: Size, x: number, y: number): [number, number] {
  return [
    size.width / 2 + (x - view.x) * view.scale,
    size.height / 2 - (y - view.y) * view.scale,
  ];
}

/** The place of the map under canvas pixels [x, y]. */
export function toMap(view: View, size: Size, px: number, py: number): [number, number] {
  return [
    view.x + (px - size.width / 2) / view.scale,
    view.y - (py - size.height / 2) / view.scale,
  ];
}

/** The view in which the place (x, y) of the map lies under the pixel (px, py), at a scale. */
export function anchored(
  size: Size,
  [x, y]: readonly [number, number],
  [px, py]: readonly [number, number],
  scale: number,
): View {
  return {
    x: x - (px - size.width / 2) / scale,
    y: y + (py - size.height / 2) / scale,
    scale,
  };
}

/** Zooms by `factor` and keeps what lies under the pixel (px, py) where it is. */
export function zoomedAbout(view: View, size: Size, px: number, py: number, factor: number): View {
  return anchored(size, toMap(view, size, px, py), [px, py], view.scale * factor);
}

/** The view that is wanted with its scale within least..most. Where the scale has to give way,
 * what a zoom from `now` would keep in place is kept in place, so that nothing drifts.
 */
export function limited(now: View, wanted: View, least: number, most: number): View {
  const scale = Math.min(Math.max(wanted.scale, least), most);
  const gap = now.scale - wanted.scale;
  if (scale === wanted.scale || gap === 0) return { ...wanted, scale };
  const kept = (from: number, to: number) => {
    const fixed = (from * now.scale - to * wanted.scale) / gap;
    return fixed - ((fixed - from) * now.scale) / scale;
  };
  return { x: kept(now.x, wanted.x), y: kept(now.y, wanted.y), scale };
}

/** The box of places float32 [2 N], or of some rows of them; null where none has a place. */
export function boxOf(xy: ArrayLike<number>, rows?: ArrayLike<number>): Box | null {
  const box: Box = { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity };
  const count = rows ? rows.length : xy.length / 2;
  for (let i = 0; i < count; i++) {
    const row = rows ? rows[i] : i;
    const x = xy[2 * row];
    const y = xy[2 * row + 1];
    // Comparisons with NaN are false, so rows without a place leave the box alone.
    if (x < box.x0) box.x0 = x;
    if (x > box.x1) box.x1 = x;
    if (y < box.y0) box.y0 = y;
    if (y > box.y1) box.y1 = y;
  }
  return box.x1 >= box.x0 && box.y1 >= box.y0 ? box : null;
}

/** The view that shows a box whole, with a margin of about a twentieth on each side.
 * `most`: the largest scale, for boxes that are small or a single point.
 */
export function fitted(box: Box, size: Size, most = Infinity): View {
  const room = (side: number) => Math.max(side * 0.9 - 16, side * 0.5, 1);
  const scale = Math.min(
    room(size.width) / (box.x1 - box.x0),
    room(size.height) / (box.y1 - box.y0),
    most,
  );
  return {
    x: (box.x0 + box.x1) / 2,
    y: (box.y0 + box.y1) / 2,
    scale: Number.isFinite(scale) && scale > 0 ? scale : 1,
  };
}

/** Slow at both ends: t in 0..1 -> 0..1 (cubic). */
export function easeInOut(t: number): number {
  return t < 0.5 ? 4 * t * t * t : 1 - (2 - 2 * t) ** 3 / 2;
}

/** Quick at first, slow at the end: t in 0..1 -> 0..1 (cubic). */
export function easeOut(t: number): number {
  return 1 - (1 - t) ** 3;
}

/** A way from one view to another: the share of the way in 0..1 -> the view there. */
export type Path = (share: number) => View;

/** The way from one view to another that is pleasant to watch.
 *
 * Where one point of the screen stays put (any zoom about a visible place, the cursor's for
 * instance), it stays put all the way; else the camera rises, moves and sinks.
 */
export function path(from: View, to: View, size: Size): Path {
  const fixed = fixedPoint(from, to, size);
  return fixed ? zoomPath(from, to, size, fixed) : flightPath(from, to, size);
}

/** The pixel that shows the same place in both views, if there is one on the screen. */
function fixedPoint(from: View, to: View, size: Size): [number, number] | null {
  const gap = from.scale - to.scale;
  if (Math.abs(gap) < 1e-6 * from.scale) return null;
  const x = (from.x * from.scale - to.x * to.scale) / gap;
  const y = (from.y * from.scale - to.y * to.scale) / gap;
  const [px, py] = toScreen(from, size, x, y);
  const inside = px >= 0 && py >= 0 && px <= size.width && py <= size.height;
  return inside ? [px, py] : null;
}

function zoomPath(from: View, to: View, size: Size, pixel: [number, number]): Path {
  const place = toMap(from, size, pixel[0], pixel[1]);
  const ratio = Math.log(to.scale / from.scale);
  return (share) =>
    share >= 1 ? to : anchored(size, place, pixel, from.scale * Math.exp(ratio * share));
}

/** The optimal path of van Wijk and Nuij, "Smooth and efficient zooming and panning", 2003,
 * equation 9: w is the width of the window in map units, u the way along the ground, and the
 * path is one of even perceived speed in s in 0..S. Their ρ² = 2.
 */
function flightPath(from: View, to: View, size: Size): Path {
  const rho = Math.SQRT2;
  const side = Math.max(size.width, size.height, 1);
  const [w0, w1] = [side / from.scale, side / to.scale];
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const u1 = Math.hypot(dx, dy);
  const far = u1 > 1e-6 * Math.min(w0, w1);
  if (!far) return (share) => between(from, to, share);
  const b0 = (w1 * w1 - w0 * w0 + rho ** 4 * u1 * u1) / (2 * w0 * rho * rho * u1);
  const b1 = (w1 * w1 - w0 * w0 - rho ** 4 * u1 * u1) / (2 * w1 * rho * rho * u1);
  // asinh is the accurate form of their ln(-b + sqrt(b² + 1)).
  const r0 = -Math.asinh(b0);
  const length = (-Math.asinh(b1) - r0) / rho;
  return (share) => {
    if (share >= 1) return to;
    const s = share * length;
    const u = (w0 / (rho * rho)) * (Math.cosh(r0) * Math.tanh(rho * s + r0) - Math.sinh(r0));
    const w = (w0 * Math.cosh(r0)) / Math.cosh(rho * s + r0);
    return { x: from.x + (dx * u) / u1, y: from.y + (dy * u) / u1, scale: side / w };
  };
}

function between(from: View, to: View, share: number): View {
  if (share >= 1) return to;
  return {
    x: from.x + (to.x - from.x) * share,
    y: from.y + (to.y - from.y) * share,
    scale: from.scale * (to.scale / from.scale) ** share,
  };
}

/** Whether a place has anything of the map within reach; an address can name any place. */
export function isNear({ x, y }: { x: number; y: number }, places: Float32Array): boolean {
  const box = boxOf(places);
  if (!box) return false;
  const reach = Math.max(box.x1 - box.x0, box.y1 - box.y0, 1e-6);
  return x > box.x0 - reach && x < box.x1 + reach && y > box.y0 - reach && y < box.y1 + reach;
}
