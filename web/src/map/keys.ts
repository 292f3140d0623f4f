/** Keys of the map, while it has the focus. */

import type { MapRenderer } from "../contracts.ts";

const STEPS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
};

const ZOOMS: Record<string, number> = { "+": 1.5, "=": 1.5, "-": 1 / 1.5, _: 1 / 1.5 };

/** Arrows pan (with Shift further), + and - zoom, 0 shows everything; true where it did so. */
export function onKey(event: KeyboardEvent, map: MapRenderer): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const step = STEPS[event.key];
  const zoom = ZOOMS[event.key];
  const view = map.view.peek();
  if (step) {
    const far = (event.shiftKey ? 320 : 80) / view.scale;
    map.setView({ x: view.x + step[0] * far, y: view.y + step[1] * far }, 120);
  } else if (zoom) {
    map.setView({ scale: view.scale * zoom }, 180);
  } else if (event.key === "0") {
    map.fit(undefined, 400);
  } else {
    return false;
  }
  event.preventDefault();
  return true;
}
