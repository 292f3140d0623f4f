/** Draws the ground under the points. */

import type { App, Layer } from "../../contracts.ts";
import { look } from "../../parts/fog.ts";
import { fogGrid, Hatch } from "./hatch.ts";
import type { GroundStore, Tile } from "./store.ts";
import { MARGIN } from "./store.ts";
import { boxOf, cellSide, levelFor, parentOf, tilesIn, type TileKey } from "./tiles.ts";

const FALL_BACK_LEVELS = 3;
// What stands in for a tile that is not made yet is paler.
const STAND_IN = 0.6;

/** The layer of the decoded ground; it asks the store for what is not made yet. */
export function groundLayer(app: App, store: GroundStore): Layer {
  const hatch = new Hatch();
  return {
    id: "ground",
    depth: -15,
    draw(context, view, width, height) {
      if (!app.state.ground.value || app.state.apart.value || !app.decoder) return;
      store.look(view, width, height);
      const { frame } = store;
      const level = levelFor(frame, view.scale);
      const tiles = tilesIn(frame, view, width, height, level, MARGIN);
      const at = (x: number, y: number) => app.map.toScreen(x, y);
      context.imageSmoothingEnabled = app.manifest.shape[1] >= 16;
      context.imageSmoothingQuality = "high";
      for (const key of tiles) {
        const found = nearestMade(store, key);
        if (!found) continue;
        const box = boxOf(frame, key);
        const [x, y] = at(box.x, box.y);
        const side = box.side * view.scale;
        const { canvas } = found.tile;
        const part = found.share * canvas.width;
        context.globalAlpha = found.share < 1 ? STAND_IN : 1;
        context.drawImage(canvas, found.left * canvas.width, found.top * canvas.width, part, part, x, y, side, side);
      }
      context.globalAlpha = 1;
      const grid = fogGrid(tiles, (key) => nearestMade(store, key), 1);
      const ratio = Math.min(2, devicePixelRatio);
      const colour = look(app.stage, "--line", "#ccc");
      if (grid) hatch.draw(context, grid, frame, cellSide(frame, level), at, { width, height, ratio, colour });
    },
  };
}

/** The tile itself, or the part of the finest coarser one that covers it. */
function nearestMade(
  store: GroundStore,
  key: TileKey,
): { tile: Tile; left: number; top: number; share: number } | null {
  let at = key;
  let [left, top, share] = [0, 0, 1];
  for (let up = 0; up <= FALL_BACK_LEVELS && at.level >= 0; up++) {
    const tile = store.get(at);
    if (tile) return { tile, left, top, share };
    const parent = parentOf(at);
    left = parent.left + left * parent.share;
    top = parent.top + top * parent.share;
    share *= parent.share;
    at = parent.key;
  }
  return null;
}
