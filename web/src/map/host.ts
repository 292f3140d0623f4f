/** The stack of canvases that makes the map: grounds, points, overlays, rings. */

import type { Size } from "./camera.ts";
import { fitCanvas } from "./painter.ts";

/** The canvases from the bottom to the top. */
export const STACK = { below: 1, points: 2, above: 3, rings: 4 } as const;

/** The element in the stage that holds all canvases; made where it is not there.
 *
 * It lies under everything else in the stage and lets all pointers through to the stage.
 */
export function canvasHost(stage: HTMLElement): HTMLElement {
  const found = stage.querySelector<HTMLElement>(":scope > .map-canvases");
  if (found) return found;
  const host = document.createElement("div");
  host.className = "map-canvases";
  host.setAttribute("aria-hidden", "true");
  host.style.cssText =
    "position:absolute;inset:0;z-index:0;isolation:isolate;overflow:hidden;pointer-events:none";
  stage.prepend(host);
  return host;
}

/** Puts a canvas into the host at its place in the stack. */
export function place(
  host: HTMLElement,
  canvas: HTMLCanvasElement,
  level: keyof typeof STACK,
): void {
  canvas.dataset.level = level;
  canvas.style.cssText = `position:absolute;inset:0;width:100%;height:100%;z-index:${STACK[level]}`;
  host.append(canvas);
}

/** Clears a canvas of the stack and readies it for drawing in CSS pixels. */
export function clean(canvas: HTMLCanvasElement, size: Size): CanvasRenderingContext2D | null {
  const context = canvas.getContext("2d");
  if (!context) return null;
  const ratio = pixelRatio();
  fitCanvas(canvas, size, ratio);
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

/** Device pixels for each CSS pixel, at most 3: beyond it nothing more is seen. */
export function pixelRatio(): number {
  return Math.min(Math.max(window.devicePixelRatio || 1, 1), 3);
}
