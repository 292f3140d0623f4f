import assert from "node:assert/strict";
import { test } from "node:test";
import { materialOf, paintTile, pixelsOf, rasterOf } from "../src/features/ground/paint.ts";
import {
  boxOf,
  CELL_PIXELS,
  CELLS,
  cellSide,
  frameOf,
  levelFor,
  middlesOf,
  parentOf,
  tilesIn,
} from "../src/features/ground/tiles.ts";
import { drawFog, fogWord, hatchOf, rgbOf } from "../src/parts/fog.ts";
import { aroundOf, FARTHEST_STEP, NEAREST_STEP, placeOf, stepped } from "../src/features/lift/directions.ts";

const frame = frameOf([-4, 2], [12, 10]);

test("cells are at least the least width on the screen, and less than twice as wide, at any zoom", () => {
  for (const scale of [5, 17.3, 60, 999, 40000]) {
    const width = cellSide(frame, levelFor(frame, scale)) * scale;
    assert.ok(width >= CELL_PIXELS && width < 2 * CELL_PIXELS, `${scale}: ${width}`);
  }
  assert.equal(levelFor(frame, 1e-6), 0);
});

test("the tiles of a window cover it without a gap, the nearest to its middle first", () => {
  const view = { x: 3, y: 6, scale: 80 };
  const tiles = tilesIn(frame, view, 400, 300, levelFor(frame, 80), 0.1);
  const boxes = tiles.map((key) => boxOf(frame, key));
  for (const [dx, dy] of [[-199, -149], [199, 149], [0, 0], [-150, 100]]) {
    const [x, y] = [view.x + dx / 80, view.y + dy / 80];
    const inside = boxes.filter((b) => x >= b.x && x < b.x + b.side && y <= b.y && y > b.y - b.side);
    assert.equal(inside.length, 1);
  }
  const first = boxes[0];
  assert.ok(Math.hypot(first.x + first.side / 2 - 3, first.y - first.side / 2 - 6) <= first.side);
});

test("no tile is made far outside of the map, however far the window reaches", () => {
  const tiles = tilesIn(frame, { x: 4, y: 6, scale: 1 }, 4000, 4000, 3, 0.1);
  for (const key of tiles) {
    const box = boxOf(frame, key);
    assert.ok(box.x + box.side > -4 - 1.6 && box.x < 12 + 1.6);
    assert.ok(box.y > 2 - 1.6 && box.y - box.side < 10 + 1.6);
  }
  assert.deepEqual(tilesIn(frame, { x: 900, y: 6, scale: 40 }, 200, 200, 5, 0.1), []);
});

test("the middles of the cells lie in their tile, line by line from the top left", () => {
  const key = { level: 4, i: -1, j: 2 };
  const xy = middlesOf(frame, key);
  const box = boxOf(frame, key);
  const cell = box.side / CELLS;
  assert.equal(xy.length, 2 * CELLS * CELLS);
  assert.deepEqual([xy[0], xy[1]], [box.x + cell / 2, box.y - cell / 2]);
  assert.deepEqual([...xy.slice(-2)], [box.x + box.side - cell / 2, box.y - box.side + cell / 2]);
});

test("a tile is the quarter of its parent that lies where it lies", () => {
  for (const key of [{ level: 5, i: 3, j: -2 }, { level: 5, i: -5, j: 7 }]) {
    const parent = parentOf(key);
    const mine = boxOf(frame, key);
    const theirs = boxOf(frame, parent.key);
    assert.ok(Math.abs(theirs.x + parent.left * theirs.side - mine.x) < 1e-9);
    assert.ok(Math.abs(theirs.y - parent.top * theirs.side - mine.y) < 1e-9);
    assert.equal(theirs.side * parent.share, mine.side);
  }
});

function tile(value: number, fog: number) {
  return {
    pixels: new Uint8ClampedArray(CELLS * CELLS * 4 * 4).fill(value),
    height: 2,
    width: 2,
    fog: new Float32Array(CELLS * CELLS).fill(fog),
  };
}

const colours = { ink: [10, 20, 30] };

// The pixel at the middle of the first cell.
function middle(painted: Uint8ClampedArray, raster: number): number[] {
  const at = 4 * (Math.floor(raster / 2) * CELLS * raster + Math.floor(raster / 2));
  return [...painted.slice(at, at + 4)];
}

test("clear ground is the decoded image itself; in full fog nothing is left of it", () => {
  const raster = rasterOf(2, 2);
  assert.deepEqual(middle(paintTile(tile(180, 0), raster, "plain", colours), raster), [180, 180, 180, 255]);
  const fogged = paintTile(tile(180, 1), raster, "plain", colours);
  assert.ok(fogged.every((value, i) => i % 4 !== 3 || value === 0));
});

test("ink takes the page's colour and the strength of the stroke, paper the other way round", () => {
  const raster = rasterOf(2, 2);
  assert.deepEqual(middle(paintTile(tile(51, 0), raster, "ink", colours), raster), [10, 20, 30, 51]);
  assert.equal(middle(paintTile(tile(51, 0), raster, "paper", colours), raster)[3], 204);
  assert.equal(middle(paintTile(tile(51, 0.5), raster, "ink", colours), raster)[3], 26);
});

test("grey images with an empty rim are ink or paper, all else is shown as it is", () => {
  const rim = (value: number) => {
    const pixels = new Uint8ClampedArray(16 * 4).fill(value);
    for (const at of [5, 6, 9, 10]) pixels.fill(255 - value, 4 * at, 4 * at + 4);
    return pixels;
  };
  assert.equal(materialOf(rim(0), 4, 4, 1), "ink");
  assert.equal(materialOf(rim(255), 4, 4, 1), "paper");
  assert.equal(materialOf(rim(120), 4, 4, 1), "plain");
  assert.equal(materialOf(rim(0), 4, 4, 3), "plain");
});

test("small images are enlarged by whole numbers, large ones made smaller, with a gap around each", () => {
  assert.equal(pixelsOf(8, 8), 32);
  assert.equal(pixelsOf(28, 28), 28);
  assert.equal(pixelsOf(128, 96), 48);
  assert.equal(rasterOf(28, 28), 30);
  const raster = rasterOf(2, 2);
  const alphas = paintTile(tile(180, 0), raster, "plain", colours).filter((_, i) => i % 4 === 3);
  assert.equal(alphas[0], 0);
  assert.equal(alphas.filter((a) => a > 0).length, CELLS * CELLS * pixelsOf(2, 2) ** 2);
});

test("words and hatch of the fog grow with it", () => {
  const words = [0, 0.2, 0.6, 1].map(fogWord);
  assert.equal(new Set(words).size, 4);
  assert.equal(hatchOf(0), 0);
  assert.equal(hatchOf(1), 1);
  assert.ok(hatchOf(0.3) < hatchOf(0.6));
});

test("no fog draws nothing at all", () => {
  drawFog(null as unknown as CanvasRenderingContext2D, 8, 8, 0, { line: "", veil: "", step: 4, thick: 1 });
});

test("colours of a style sheet are read as three numbers, and what is none is said", () => {
  assert.deepEqual(rgbOf("#1b2430"), [27, 36, 48]);
  assert.deepEqual(rgbOf("#fff"), [255, 255, 255]);
  assert.deepEqual(rgbOf("rgb(1, 2, 3)"), [1, 2, 3]);
  assert.equal(rgbOf("teal"), null);
});

test("the eight vectors lie in pairs around the middle, as far as the spread says", () => {
  const z = Float32Array.of(1, 2, 3);
  const around = aroundOf(z, Float32Array.of(0, 1, 0, 0, 0, 1), Float32Array.of(0.5, 2), 1.5);
  assert.deepEqual([...around], [1, 2.75, 3, 1, 2, 6, 1, 1.25, 3, 1, 2, 0]);
});

test("the two ways of a direction face each other, the first points up", () => {
  const [x, y] = placeOf(0, 8);
  assert.ok(Math.abs(x) < 1e-12 && y === -1);
  for (let way = 0; way < 4; way++) {
    const [a, b] = [placeOf(way, 8), placeOf(way + 4, 8)];
    assert.ok(Math.abs(a[0] + b[0]) < 1e-12 && Math.abs(a[1] + b[1]) < 1e-12);
  }
});

test("the distance of the ring grows and shrinks by equal shares within its ends", () => {
  assert.ok(Math.abs(stepped(stepped(1, 3), -3) - 1) < 1e-12);
  assert.equal(stepped(1, 100), FARTHEST_STEP);
  assert.equal(stepped(1, -100), NEAREST_STEP);
});
