import assert from "node:assert/strict";
import { test } from "node:test";
import { fogAt } from "../src/compute/fog.ts";
import { unpackHalf } from "../src/compute/half.ts";
import { LatentMaths } from "../src/compute/latents.ts";
import { nearestRows } from "../src/compute/nearest.ts";
import { random } from "../src/compute/random.ts";
import { Search } from "../src/compute/search.ts";

function cloud(n: number, dim: number, seed: number): Float32Array {
  const stream = random(seed);
  return Float32Array.from({ length: n * dim }, () => stream.normal());
}

/** By sorting all distances. */
function sorted(points: Float32Array, dim: number, query: Float32Array, k: number): number[] {
  const rows = Array.from({ length: points.length / dim }, (_, row) => row);
  const square = (row: number) => query.reduce((sum, q, d) => sum + (points[row * dim + d] - q) ** 2, 0);
  return rows.sort((a, b) => square(a) - square(b) || a - b).slice(0, k);
}

test("the nearest rows of a hand-made space, with their distances", () => {
  const near = nearestRows(Float32Array.of(0, 0, 3, 4, 1, 0, 6, 8), 2, [0, 0], 3);
  assert.deepEqual([...near.rows], [0, 2, 1]);
  assert.deepEqual([...near.distances], [0, 1, 5]);
});

test("the tree and the scan find what sorting finds, in every dimension", () => {
  for (const dim of [1, 2, 3, 4, 7, 16]) {
    const points = cloud(700, dim, dim);
    const tree = new Search(points, dim);
    for (let i = 0; i < 20; i++) {
      const query = cloud(1, dim, 100 + i);
      const wanted = sorted(points, dim, query, 9);
      assert.deepEqual([...nearestRows(points, dim, query, 9).rows], wanted);
      assert.deepEqual([...tree.nearest(query, 9).rows], wanted);
    }
  }
});

test("equal distances come in the order of the rows", () => {
  const points = new Float32Array(200).fill(1);
  assert.deepEqual([...new Search(points, 2).nearest([0, 0], 4).rows], [0, 1, 2, 3]);
  assert.deepEqual([...nearestRows(points, 2, [0, 0], 4).rows], [0, 1, 2, 3]);
});

test("rows that are not allowed do not count, and there may be fewer than asked for", () => {
  const points = cloud(300, 3, 1);
  const allowed = Uint8Array.from({ length: 300 }, (_, row) => Number(row % 100 === 7));
  for (const near of [
    nearestRows(points, 3, [0, 0, 0], 10, allowed),
    new Search(points, 3).nearest([0, 0, 0], 10, allowed),
  ]) {
    assert.deepEqual(
      [...near.rows].sort((a, b) => a - b),
      [7, 107, 207],
    );
    assert.equal(near.distances.length, 3);
  }
  assert.equal(nearestRows(points, 3, [0, 0, 0], 0).rows.length, 0);
  assert.equal(new Search(new Float32Array(0), 3).nearest([0, 0, 0], 5).rows.length, 0);
});

test("moving all rows and the query together changes nothing", () => {
  const points = cloud(500, 4, 2);
  const query = cloud(1, 4, 3);
  const moved = new Search(
    points.map((value) => value + 8),
    4,
  ).nearest(
    query.map((value) => value + 8),
    5,
  );
  const still = new Search(points, 4).nearest(query, 5);
  assert.deepEqual(moved.rows, still.rows);
});

test("a row can be left out, and only one label be searched", () => {
  const z = Float32Array.of(0, 1, 2, 3, 4, 5);
  const maths = new LatentMaths({
    dim: 1,
    classes: 2,
    z,
    labels: Int16Array.of(0, 1, 0, 1, 0, -1),
    train: Uint8Array.of(1, 0, 1, 1, 1, 1),
    linear: null,
    knn: null,
    fog: [0, 0.5, 1],
    plane: null,
  });
  assert.deepEqual([...maths.nearest(Float32Array.of(2.1), 2, 2, -1).rows], [3, 1]);
  assert.deepEqual([...maths.nearest(Float32Array.of(2.1), 3, -1, 1).rows], [3, 1]);
  assert.deepEqual([...maths.nearest(Float32Array.of(2.1), 2, 2, -1, Uint32Array.of(3)).rows], [1, 4]);
  assert.deepEqual([...maths.nearest(Float32Array.of(2.1), 3, -1, 1, Uint32Array.of(3)).rows], [1]);
  // Row 1 was not trained on, so its place is as far away as row 0 or 2: beyond the last quantile.
  assert.deepEqual(
    [...maths.fog(Float32Array.of(0, 1.1, 30), -1)].map((fog) => fog.toFixed(3)),
    ["0.000", "0.000", "1.000"],
  );
});

test("fog is clear where real images are, thick beyond them, and never falls between", () => {
  const quantiles = Array.from({ length: 101 }, (_, i) => 1 + i / 50);
  assert.equal(fogAt(0, quantiles), 0);
  assert.equal(fogAt(2.9, quantiles), 0);
  assert.ok(Math.abs(fogAt(2.95, quantiles) - 0.5) < 1e-9);
  assert.equal(fogAt(3, quantiles), 1);
  assert.equal(fogAt(50, quantiles), 1);
  let before = 0;
  for (let distance = 0; distance < 4; distance += 0.01) {
    const fog = fogAt(distance, quantiles);
    assert.ok(fog >= before);
    before = fog;
  }
});

test("fog where all held-out distances are equal, and where there are none", () => {
  assert.equal(fogAt(2, [2, 2, 2]), 0);
  assert.equal(fogAt(2.1, [2, 2, 2]), 1);
  assert.equal(fogAt(7, []), 0);
  assert.equal(fogAt(NaN, [0, 1]), 0);
});

test("half floats come out as they went in", () => {
  const bits = Uint16Array.of(
    0x0000,
    0x3c00,
    0xc000,
    0x3555,
    0x0001,
    0x03ff,
    0x7bff,
    0x7c00,
    0xfc00,
    0x7e00,
    0x8000,
  );
  const values = [...unpackHalf(bits.buffer)];
  assert.deepEqual(values.slice(0, 3), [0, 1, -2]);
  assert.equal(values[3], 0.333251953125);
  assert.deepEqual(values.slice(4, 9), [2 ** -24, 1023 * 2 ** -24, 65504, Infinity, -Infinity]);
  assert.ok(Number.isNaN(values[9]));
  assert.ok(Object.is(values[10], -0));
});
