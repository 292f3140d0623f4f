import assert from "node:assert/strict";
import { test } from "node:test";

import { Grid } from "../src/map/grid.ts";
import { HIDDEN, shuffled } from "../src/map/order.ts";
import { winding } from "../src/map/polygon.ts";

/** Places in clumps of very different density, some far out, some missing. */
function clumps(n: number, seed: number): Float32Array {
  const draw = shuffled(4 * n, seed);
  const xy = new Float32Array(2 * n);
  for (let row = 0; row < n; row++) {
    const [u, v] = [draw[2 * row] / (4 * n), draw[2 * row + 1] / (4 * n)];
    const spread = [0.05, 1, 30][row % 3];
    xy[2 * row] = 10 * (row % 7) + spread * (u - 0.5);
    xy[2 * row + 1] = -5 * (row % 5) + spread * (v - 0.5);
    if (row % 41 === 0) xy[2 * row] = NaN;
  }
  return xy;
}

const N = 3000;
const xy = clumps(N, 5);
const order = shuffled(N);
const grid = new Grid(xy, order);
const colours = new Uint16Array(N).map((_, row) => (row % 4 === 1 ? HIDDEN : row % 3));
const placed = (row: number) => !Number.isNaN(xy[2 * row]);
const away = (row: number, x: number, y: number) =>
  Math.hypot(xy[2 * row] - x, xy[2 * row + 1] - y);
const all = Array.from({ length: N }, (_, row) => row).filter(placed);

function places(count: number): [number, number][] {
  const draw = shuffled(2 * count, 11);
  return Array.from({ length: count }, (_, i) => [
    -30 + (130 * draw[2 * i]) / (2 * count),
    -50 + (80 * draw[2 * i + 1]) / (2 * count),
  ]);
}

test("the nearest row is the one that looking at all rows finds", () => {
  for (const [i, [x, y]] of places(200).entries()) {
    const radius = [0.01, 0.5, 4, 1000][i % 4];
    const hidden = i % 2 ? colours : null;
    const shown = all.filter((row) => !hidden || hidden[row] !== HIDDEN);
    const best = Math.min(...shown.map((row) => away(row, x, y)));
    const found = grid.nearest(x, y, radius, hidden);
    if (best > radius + 1e-6) assert.equal(found, -1);
    else assert.ok(Math.abs(away(found, x, y) - best) < 1e-5);
  }
});

test("on a row the nearest is that row, or one that lies exactly there", () => {
  for (const row of all.slice(0, 300)) {
    const found = grid.nearest(xy[2 * row], xy[2 * row + 1], 1e-3, null);
    assert.equal(away(found, xy[2 * row], xy[2 * row + 1]), 0);
  }
});

test("rows inside a polygon are those that a test of all rows finds", () => {
  const shapes = [
    [5, 5, 40, 8, 33, -30, -3, -22],
    [0, 0, 60, -20, 0, -20, 60, 0],
    [-100, -100, 200, -100, 200, 100, -100, 100],
    [9.9, -5.1, 10.2, -5.1, 10.1, -4.9],
    [500, 500, 600, 500, 550, 600],
  ];
  for (const shape of shapes) {
    for (const hidden of [null, colours]) {
      const expected = all.filter(
        (row) =>
          winding(shape, xy[2 * row], xy[2 * row + 1]) !== 0 &&
          !(hidden && hidden[row] === HIDDEN),
      );
      assert.deepEqual([...grid.inside(shape, hidden)], expected);
    }
  }
  assert.equal(grid.inside([0, 0, 1, 1], null).length, 0);
});

test("a lasso of many corners selects the same through the grid", () => {
  const lasso: number[] = [];
  for (let i = 0; i < 300; i++) {
    const [angle, radius] = [(i / 300) * 4 * Math.PI, 8 + 14 * Math.abs(Math.sin(i / 9))];
    lasso.push(30 + radius * Math.cos(angle), -10 + radius * Math.sin(angle));
  }
  const expected = all.filter((row) => winding(lasso, xy[2 * row], xy[2 * row + 1]) !== 0);
  assert.ok(expected.length > 100);
  assert.deepEqual([...grid.inside(lasso, null)], expected);
});

const inside = (row: number, box: { x0: number; y0: number; x1: number; y1: number }) =>
  xy[2 * row] >= box.x0 &&
  xy[2 * row] <= box.x1 &&
  xy[2 * row + 1] >= box.y0 &&
  xy[2 * row + 1] <= box.y1;

test("a box gives all its rows where they are few enough", () => {
  const box = { x0: 8, y0: -12, x1: 25, y1: -1 };
  const expected = all.filter((row) => inside(row, box) && colours[row] !== HIDDEN);
  const found = grid.inBox(box, expected.length, colours);
  assert.deepEqual([...found].sort((a, b) => a - b), expected);
});

test("of too many rows in a box some are given, all over it, none twice", () => {
  const even = Float32Array.from({ length: 2 * 40 * 40 }, (_, i) =>
    i % 2 ? Math.floor((i - 1) / 2 / 40) : ((i / 2) % 40),
  );
  const whole = new Grid(even, shuffled(1600));
  for (const most of [30, 100, 400]) {
    const found = whole.inBox({ x0: 0, y0: 0, x1: 39, y1: 39 }, most, null);
    assert.ok(found.length <= most && found.length >= most / 6);
    assert.equal(new Set(found).size, found.length);
    const quarters = new Set(
      [...found].map((row) => `${even[2 * row] < 20} ${even[2 * row + 1] < 20}`),
    );
    assert.equal(quarters.size, 4);
  }
});

test("what a box gives stays when the box moves a little", () => {
  const box = { x0: -10, y0: -30, x1: 70, y1: 10 };
  const moved = { x0: box.x0 + 1.3, y0: box.y0 + 0.7, x1: box.x1 + 1.3, y1: box.y1 + 0.7 };
  const before = [...grid.inBox(box, 120, null)];
  const after = new Set(grid.inBox(moved, 120, null));
  assert.ok(before.length > 20);
  for (const row of before) assert.equal(after.has(row), inside(row, moved), `row ${row}`);
});

test("no rows, one row and rows at one place make a grid", () => {
  assert.equal(new Grid(new Float32Array(0), new Uint32Array(0)).nearest(0, 0, 9, null), -1);
  assert.equal(new Grid(new Float32Array([4, 5]), shuffled(1)).nearest(4, 6, 2, null), 0);
  const same = new Grid(new Float32Array(200).fill(7), shuffled(100));
  assert.equal(same.nearest(7, 7, 1, null), 0);
  assert.equal(same.inBox({ x0: 0, y0: 0, x1: 9, y1: 9 }, 10, null).length <= 10, true);
  assert.equal(same.inside([0, 0, 9, 0, 9, 9, 0, 9], null).length, 100);
});
