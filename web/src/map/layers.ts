/** Layers: what features draw under and over the points, in step with them. */

import type { Layer, MapRenderer } from "../contracts.ts";
import { canvasHost, clean, place } from "./host.ts";

/** The layers of a map. */
export interface Layers {
  /** Adds a layer, or puts one of the same id in its place. Returns how to take it away. */
  add(layer: Layer): () => void;
  destroy(): void;
}

/** Makes two canvases in the stage, one under and one over the points, for layers to draw on.
 *
 * Layers draw in CSS pixels, in order of depth (of the same depth: as they were added), each with
 * a context of fresh settings. A layer that throws is left out of that frame and reported on the
 * console; the others are drawn.
 */
export function createLayers(stage: HTMLElement, map: MapRenderer): Layers {
  const host = canvasHost(stage);
  const below = document.createElement("canvas");
  const above = document.createElement("canvas");
  place(host, below, "below");
  place(host, above, "above");
  let layers: Layer[] = [];
  const drawn = new Map<HTMLCanvasElement, boolean>();

  const drawOn = (canvas: HTMLCanvasElement, chosen: Layer[]) => {
    // An empty canvas that was empty before needs no work.
    if (chosen.length === 0 && !drawn.get(canvas)) return;
    drawn.set(canvas, chosen.length > 0);
    const size = map.size.peek();
    const context = clean(canvas, size);
    if (context) for (const layer of chosen) drawLayer(layer, context, map, size);
  };
  const stop = map.onDraw(() => {
    drawOn(below, layers.filter((layer) => layer.depth < 0));
    drawOn(above, layers.filter((layer) => layer.depth >= 0));
  });

  return {
    add(layer) {
      layers = [...layers.filter((other) => other.id !== layer.id), layer];
      layers.sort((a, b) => a.depth - b.depth);
      map.redraw();
      return () => {
        layers = layers.filter((other) => other !== layer);
        map.redraw();
      };
    },
    destroy() {
      stop();
      below.remove();
      above.remove();
    },
  };
}

function drawLayer(
  layer: Layer,
  context: CanvasRenderingContext2D,
  map: MapRenderer,
  size: { width: number; height: number },
): void {
  context.save();
  try {
    layer.draw(context, map.view.peek(), size.width, size.height);
  } catch (error) {
    console.error(`layer ${layer.id}:`, error);
  }
  context.restore();
}
