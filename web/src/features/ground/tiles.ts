/** The grid of the ground: levels, cells and tiles, fixed to the map. */

import type { View } from "../../contracts.ts";

/** Cells across one tile; a tile is decoded in one go. */
export const CELLS = 4;
/** A cell is at least this many CSS pixels wide, and less than twice as many. */
export const CELL_PIXELS = 24;

/** A tile: column i and line j of its level, counted from the low corner, upwards. */
export interface TileKey {
  level: number;
  i: number;
  j: number;
}

/** Where the levels of a map start: its low corner, and the longer side of its box. */
export interface Frame {
  x: number;
  y: number;
  width: number;
  height: number;
  side: number;
}

/** The frame of a map of this low and high corner. */
export function frameOf(low: [number, number], high: [number, number]): Frame {
  const width = Math.max(high[0] - low[0], 1e-9);
  const height = Math.max(high[1] - low[1], 1e-9);
  return { x: low[0], y: low[1], width, height, side: Math.max(width, height) };
}

/** The side of a cell at a level, in the unit of the map: side / 2^level. */
export function cellSide(frame: Frame, level: number): number {
  return frame.side / 2 ** level;
}

/** The level whose cells are CELL_PIXELS to 2 CELL_PIXELS wide at this scale (CSS pixels for one
 * unit of the map); never below 0, where one cell is the whole map. */
export function levelFor(frame: Frame, scale: number): number {
  return Math.max(0, Math.floor(Math.log2((frame.side * scale) / CELL_PIXELS)));
}

/** The tiles that a window of the map touches, those nearest to its middle first.
 *
 * @param margin how far beyond the box of the map tiles are still made, as a share of its side.
 */
export function tilesIn(
  frame: Frame,
  view: View,
  width: number,
  height: number,
  level: number,
  margin: number,
): TileKey[] {
  const tile = cellSide(frame, level) * CELLS;
  const edge = frame.side * margin;
  const x0 = Math.max(view.x - width / 2 / view.scale, frame.x - edge) - frame.x;
  const x1 = Math.min(view.x + width / 2 / view.scale, frame.x + frame.width + edge) - frame.x;
  const y0 = Math.max(view.y - height / 2 / view.scale, frame.y - edge) - frame.y;
  const y1 = Math.min(view.y + height / 2 / view.scale, frame.y + frame.height + edge) - frame.y;
  const found: { key: TileKey; distance: number }[] = [];
  for (let j = Math.floor(y0 / tile); j * tile < y1; j++) {
    for (let i = Math.floor(x0 / tile); i * tile < x1; i++) {
      const distance = Math.hypot(
        (i + 0.5) * tile + frame.x - view.x,
        (j + 0.5) * tile + frame.y - view.y,
      );
      found.push({ key: { level, i, j }, distance });
    }
  }
  return found.sort((a, b) => a.distance - b.distance).map((each) => each.key);
}

/** The middles of a tile's cells, line by line from the top: float32 [2 CELLS²], unit of the map. */
export function middlesOf(frame: Frame, key: TileKey): Float32Array {
  const cell = cellSide(frame, key.level);
  const xy = new Float32Array(2 * CELLS * CELLS);
  for (let line = 0; line < CELLS; line++) {
    for (let column = 0; column < CELLS; column++) {
      const at = 2 * (line * CELLS + column);
      xy[at] = frame.x + (key.i * CELLS + column + 0.5) * cell;
      xy[at + 1] = frame.y + (key.j * CELLS + (CELLS - 1 - line) + 0.5) * cell;
    }
  }
  return xy;
}

/** The low x and high y of a tile, and its side, in the unit of the map. */
export function boxOf(frame: Frame, key: TileKey): { x: number; y: number; side: number } {
  const side = cellSide(frame, key.level) * CELLS;
  return { x: frame.x + key.i * side, y: frame.y + (key.j + 1) * side, side };
}

/** The tile one level up that holds a tile, and the part of it as shares 0..1 from its top left. */
export function parentOf(key: TileKey): { key: TileKey; left: number; top: number; share: number } {
  const parent = { level: key.level - 1, i: Math.floor(key.i / 2), j: Math.floor(key.j / 2) };
  return {
    key: parent,
    left: (key.i - 2 * parent.i) / 2,
    top: (1 - (key.j - 2 * parent.j)) / 2,
    share: 0.5,
  };
}

/** The name of a tile within its map and way. */
export function nameOfTile(key: TileKey): string {
  return `${key.level} ${key.i} ${key.j}`;
}
