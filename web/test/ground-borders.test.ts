import assert from "node:assert/strict";
import { test } from "node:test";
import { boxOfBorders } from "../src/features/borders/layer.ts";
import { between, borderSegments, NONE, paintRegions, surenessOf, winnerAt, type Grid } from "../src/features/borders/regions.ts";

function grid(lines: [label: number, odds: number][][]): Grid {
  return { size: lines.length, cells: Uint8Array.from(lines.flat(2)) };
}

const near = (cells: number, value = 1) => new Float32Array(cells).fill(value);

const halves = grid([
  [[0, 255], [1, 255]],
  [[0, 255], [1, 255]],
]);

test("between two sure classes the border lies in the middle, and it is sharp", () => {
  assert.equal(winnerAt(halves, 0.49, 0.5).label, 0);
  assert.equal(winnerAt(halves, 0.51, 0.5).label, 1);
  const segments = borderSegments(halves);
  assert.equal(segments.length, 4);
  assert.ok(Math.abs(segments[0] - 0.5) < 1e-6 && Math.abs(segments[2] - 0.5) < 1e-6);
});

test("lines and regions agree where one class is surer than the other", () => {
  const uneven = grid([
    [[0, 240], [1, 80]],
    [[0, 240], [1, 80]],
  ]);
  const [x] = borderSegments(uneven);
  assert.ok(Math.abs(x - 0.75) < 1e-4);
  assert.equal(winnerAt(uneven, x - 0.01, 0).label, 0);
  assert.equal(winnerAt(uneven, x + 0.01, 0).label, 1);
});

test("a circle's border is as long as the circle and stays on it", () => {
  const size = 60;
  const cells = Array.from({ length: size }, (_, j) =>
    Array.from({ length: size }, (_, i): [number, number] => [Math.hypot(i - 30, j - 30) < 20 ? 3 : 1, 200]),
  );
  const segments = borderSegments(grid(cells));
  let length = 0;
  for (let s = 0; s < segments.length; s += 4) {
    length += Math.hypot(segments[s + 2] - segments[s], segments[s + 3] - segments[s + 1]);
    assert.ok(Math.abs(Math.hypot(segments[s] - 30, segments[s + 1] - 30) - 20) < 1.2);
  }
  assert.ok(length > 2 * Math.PI * 19 && length < 2 * Math.PI * 20 * 1.15);
});

test("three classes meet in one point, from which three lines leave", () => {
  const three = grid([
    [[0, 255], [1, 255]],
    [[2, 255], [2, 255]],
  ]);
  const segments = borderSegments(three);
  assert.equal(segments.length, 12);
  for (let s = 0; s < 12; s += 4) assert.deepEqual([segments[s + 2], segments[s + 3]], [0.5, 0.5]);
});

test("no line runs along what has no class, and nothing is painted there", () => {
  const edge = grid([
    [[0, 255], [NONE, 0]],
    [[0, 255], [NONE, 0]],
  ]);
  assert.equal(borderSegments(edge).length, 0);
  const painted = paintRegions(edge, near(4), 4, [[9, 9, 9]], 0.5);
  assert.equal(painted[3], 128);
  assert.equal(painted[4 * 7 + 3], 0);
});

test("regions are painted in the class's colour, and paler the less sure it is", () => {
  const paled = grid([
    [[1, 255], [1, 140]],
    [[1, 255], [1, 140]],
  ]);
  const painted = paintRegions(paled, near(4), 2, [[0, 0, 0], [50, 60, 70]], 1);
  assert.deepEqual([...painted.slice(0, 4)], [50, 60, 70, 255]);
  assert.ok(painted[4 * 3 + 3] < 80 && painted[4 * 3 + 3] > 0);
  assert.equal(surenessOf(0.1, 10), 0);
  assert.equal(surenessOf(1, 10), 1);
});

test("the grid spans the box of its map with a margin at each edge", () => {
  assert.deepEqual(boxOfBorders([0, 10], [20, 20], 0.1), { x: -2, y: 21, width: 24, height: 12 });
});

test("regions fade out where no image is near, evenly between the middles of cells", () => {
  const field = Float32Array.of(1, 0, 1, 0);
  assert.equal(between(field, 2, 0.25, 0.5), 0.75);
  assert.equal(between(field, 2, -3, 9), 1);
  const painted = paintRegions(halves, near(4, 0.5), 1, [[1, 1, 1], [2, 2, 2]], 1);
  assert.equal(painted[3], 128);
});
