/** The hatch of the fog: fine slanting lines over the part of the map where nothing real is near. */

import { hatchOf } from "../../parts/fog.ts";
import { CELLS, type Frame, type TileKey } from "./tiles.ts";
import type { Tile } from "./store.ts";

const STEP = 7;
const STRENGTH = 0.9;

/** Cells of one level in view, each with its fog. */
export interface FogGrid {
  /** Column and line, upwards, of the low corner. */
  i: number;
  j: number;
  columns: number;
  lines: number;
  /** 0..1, line by line from the top. */
  fog: Float32Array;
}

/** The fog of the cells of some tiles of a level; of cells without a tile it is `outside`.
 *
 * `find` gives the tile that covers one, with the corner of the cells that it shares, in shares of
 * its side, and what share that is.
 */
export function fogGrid(
  tiles: TileKey[],
  find: (key: TileKey) => { tile: Tile; left: number; top: number; share: number } | null,
  outside: number,
): FogGrid | null {
  if (!tiles.length) return null;
  const i0 = Math.min(...tiles.map((key) => key.i)) - 1;
  const j0 = Math.min(...tiles.map((key) => key.j)) - 1;
  const across = Math.max(...tiles.map((key) => key.i)) - i0 + 2;
  const down = Math.max(...tiles.map((key) => key.j)) - j0 + 2;
  const columns = across * CELLS;
  const fog = new Float32Array(columns * down * CELLS).fill(outside);
  for (const key of tiles) {
    const found = find(key);
    for (let cell = 0; cell < CELLS * CELLS; cell++) {
      const [x, y] = [cell % CELLS, Math.floor(cell / CELLS)];
      const line = (down - 1 - (key.j - j0)) * CELLS + y;
      fog[line * columns + (key.i - i0) * CELLS + x] = found ? fogOf(found, x, y) : 0;
    }
  }
  return { i: i0 * CELLS, j: j0 * CELLS, columns, lines: down * CELLS, fog };
}

function fogOf(found: { tile: Tile; left: number; top: number; share: number }, x: number, y: number): number {
  const column = Math.floor(found.left * CELLS + x * found.share);
  const line = Math.floor(found.top * CELLS + y * found.share);
  return found.tile.fog[line * CELLS + column];
}

/** Draws the hatch, as strong as the fog is thick, smooth from cell to cell. */
export class Hatch {
  private readonly sheet = document.createElement("canvas");
  private readonly mask = document.createElement("canvas");

  /** @param cell the side of a cell in the unit of the map; `at` its places on the screen. */
  draw(
    context: CanvasRenderingContext2D,
    grid: FogGrid,
    frame: Frame,
    cell: number,
    at: (x: number, y: number) => [number, number],
    window: { width: number; height: number; ratio: number; colour: string },
  ): void {
    const { width, height, ratio, colour } = window;
    this.paintMask(grid);
    const sheet = this.sheet;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (sheet.width !== w || sheet.height !== h) [sheet.width, sheet.height] = [w, h];
    const paper = sheet.getContext("2d")!;
    paper.setTransform(ratio, 0, 0, ratio, 0, 0);
    paper.globalCompositeOperation = "copy";
    paper.imageSmoothingEnabled = true;
    const [left, top] = at(frame.x + grid.i * cell, frame.y + (grid.j + grid.lines) * cell);
    const [right, bottom] = at(frame.x + (grid.i + grid.columns) * cell, frame.y + grid.j * cell);
    paper.fillStyle = `rgb(0 0 0 / ${STRENGTH})`;
    paper.fillRect(0, 0, width, height);
    paper.globalCompositeOperation = "source-over";
    paper.clearRect(left, top, right - left, bottom - top);
    paper.drawImage(this.mask, left, top, right - left, bottom - top);
    paper.globalCompositeOperation = "source-in";
    // Lines are fixed to the map, so that they move with it.
    const [ox, oy] = at(frame.x, frame.y);
    const phase = (((ox + oy) % STEP) + STEP) % STEP;
    paper.strokeStyle = colour;
    paper.lineWidth = 1;
    paper.beginPath();
    for (let x = phase - STEP; x < width + height; x += STEP) {
      paper.moveTo(x, 0);
      paper.lineTo(x - height, height);
    }
    paper.stroke();
    context.drawImage(sheet, 0, 0, width, height);
  }

  private paintMask(grid: FogGrid): void {
    const pixels = new ImageData(grid.columns, grid.lines);
    for (let i = 0; i < grid.fog.length; i++) pixels.data[4 * i + 3] = 255 * STRENGTH * hatchOf(grid.fog[i]);
    [this.mask.width, this.mask.height] = [grid.columns, grid.lines];
    this.mask.getContext("2d")!.putImageData(pixels, 0, 0);
  }
}
