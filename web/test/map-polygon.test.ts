import assert from "node:assert/strict";
import { test } from "node:test";

import { edgeCells, winding } from "../src/map/polygon.ts";

const square = [0, 0, 4, 0, 4, 4, 0, 4];

test("a point is inside a square or outside of it", () => {
  assert.notEqual(winding(square, 2, 2), 0);
  for (const [x, y] of [[-1, 2], [5, 2], [2, -1], [2, 5]]) assert.equal(winding(square, x, y), 0);
});

test("the notch of a polygon that is not convex is outside", () => {
  const arrow = [0, 0, 4, 0, 4, 4, 2, 1, 0, 4];
  assert.equal(winding(arrow, 2, 3), 0);
  assert.notEqual(winding(arrow, 0.5, 2), 0);
});

test("what a lasso goes round twice is inside, either way round", () => {
  const twice = [...square, 0, 0, 4, 0, 4, 4, 0, 4];
  assert.equal(Math.abs(winding(twice, 1, 1)), 2);
  const back = [0, 4, 4, 4, 4, 0, 0, 0];
  assert.equal(winding(back, 1, 1), -winding(square, 1, 1));
});

test("a line through a corner counts it once", () => {
  const diamond = [0, 2, 2, 0, 4, 2, 2, 4];
  assert.equal(winding(diamond, -1, 2), 0);
  assert.equal(winding(diamond, 5, 2), 0);
  assert.notEqual(winding(diamond, 2, 2), 0);
});

test("the cells of an edge are all that points of it lie in", () => {
  const lasso = [1.5, 1.5, 14.2, 3.1, 9.9, 14.7, 9.9, 5.5, 2, 12];
  const cells = new Set<string>();
  edgeCells(lasso, 16, (column, line) => cells.add(`${column},${line}`));
  for (let i = 0, j = lasso.length - 2; i < lasso.length; j = i, i += 2) {
    for (let t = 0; t <= 1; t += 1 / 512) {
      const x = lasso[j] + (lasso[i] - lasso[j]) * t;
      const y = lasso[j + 1] + (lasso[i + 1] - lasso[j + 1]) * t;
      assert.ok(cells.has(`${Math.floor(x)},${Math.floor(y)}`));
    }
  }
  assert.ok(cells.size < 100);
});
