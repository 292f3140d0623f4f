/** Rings round rows, over everything else on the map. */

import { luminance } from "./palette.ts";
import type { Size } from "./camera.ts";
import { clean } from "./host.ts";

/** A ring round a row: any CSS colour, radius in CSS pixels. */
export interface Ring {
  row: number;
  colour: string;
  radius: number;
}

/** Draws rings on a canvas; `at` gives the pixel of a row, or null where it has none.
 * Each has a thin edge of the colour of the paper, so that it stands off what is under it.
 */
export function drawRings(
  canvas: HTMLCanvasElement,
  size: Size,
  rings: readonly Ring[],
  at: (row: number) => [number, number] | null,
): void {
  const context = clean(canvas, size);
  if (!context || rings.length === 0) return;
  // One path for each colour: thousands of selected rows are ringed in a few strokes.
  const paths = new Map<string, Path2D>();
  const edges = new Path2D();
  for (const { row, colour, radius } of rings) {
    const pixel = at(row);
    if (!pixel || outside(pixel, size, radius + 4)) continue;
    const path = paths.get(colour) ?? new Path2D();
    paths.set(colour, path);
    circle(edges, pixel, radius);
    circle(path, pixel, radius);
  }
  context.lineWidth = 6;
  context.strokeStyle = onDarkPaper(canvas) ? "rgba(12, 16, 22, 0.9)" : "rgba(255, 255, 255, 0.9)";
  context.stroke(edges);
  context.lineWidth = 2.5;
  for (const [colour, path] of paths) {
    context.strokeStyle = colour;
    context.stroke(path);
  }
}

function circle(path: Path2D, [x, y]: [number, number], radius: number): void {
  path.moveTo(x + radius, y);
  path.arc(x, y, radius, 0, 2 * Math.PI);
}

function outside([x, y]: [number, number], size: Size, edge: number): boolean {
  return x < -edge || y < -edge || x > size.width + edge || y > size.height + edge;
}

/** Whether what lies behind an element is dark, by the first background that is not clear. */
export function onDarkPaper(element: Element): boolean {
  for (let at: Element | null = element; at; at = at.parentElement) {
    const parts = getComputedStyle(at).backgroundColor.match(/[\d.]+/g)?.map(Number);
    if (!parts || parts.length < 3 || (parts.length > 3 && parts[3] < 0.5)) continue;
    return luminance([parts[0], parts[1], parts[2]]) < 0.2;
  }
  return false;
}
