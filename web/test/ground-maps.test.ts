import assert from "node:assert/strict";
import { test } from "node:test";
import type { Manifest } from "../src/contracts.ts";
import { latest } from "../src/parts/latest.ts";
import { mapFog, onPlane, waysFor, weightsOf } from "../src/parts/latentAt.ts";
import { MapIndex } from "../src/parts/mapIndex.ts";

function random(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

function places(n: number, seed: number): Float32Array {
  const next = random(seed);
  // Half of them crowd in a corner, so that cells are far from even.
  return Float32Array.from({ length: 2 * n }, (_, i) => (i < n ? next() : 0.02 * next()) * 7 - 3);
}

function byHand(xy: Float32Array, x: number, y: number, k: number): number[] {
  const rows = Array.from({ length: xy.length / 2 }, (_, row) => row);
  const d = (row: number) => Math.hypot(xy[2 * row] - x, xy[2 * row + 1] - y);
  return rows
    .filter((row) => !Number.isNaN(xy[2 * row]))
    .sort((a, b) => d(a) - d(b))
    .slice(0, k)
    .map(d);
}

test("the index finds the nearest rows that a search through all finds, inside and far outside", () => {
  const xy = places(500, 3);
  xy[40] = NaN;
  xy[41] = NaN;
  const index = new MapIndex(xy);
  const next = random(5);
  for (let trial = 0; trial < 200; trial++) {
    const x = next() * 12 - 6;
    const y = next() * 12 - 6;
    assert.deepEqual(index.nearest(x, y, 9).distances, byHand(xy, x, y, 9));
  }
  assert.equal(index.count, 499);
});

test("the index answers for few points, for equal points and for none", () => {
  assert.deepEqual(new MapIndex(Float32Array.of(1, 2, NaN, NaN)).nearest(5, 2, 3), { rows: [0], distances: [4] });
  assert.equal(new MapIndex(new Float32Array(40).fill(2)).nearest(2, 2, 7).rows.length, 7);
  assert.deepEqual(new MapIndex(new Float32Array(0)).nearest(0, 0, 2).rows, []);
});

test("the weights of the nearest sum to 1, fall with the distance, and are one row's at its place", () => {
  const weights = weightsOf([1, 2, 3, 4], 3);
  assert.ok(Math.abs(weights.reduce((a, b) => a + b) - 1) < 1e-12);
  assert.ok(weights[0] > weights[1] && weights[1] > weights[2] && weights[2] > 0);
  assert.deepEqual([...weightsOf([0, 2, 3, 4], 3)], [1, 0, 0]);
  assert.deepEqual([...weightsOf([2, 2, 2, 2], 3)].map((w) => w.toFixed(6)), ["0.333333", "0.333333", "0.333333"]);
});

test("a row that is about to leave the nearest has no weight left, so nothing jumps", () => {
  const weights = weightsOf([1, 2, 3.9999999, 4], 3);
  assert.ok(weights[2] < 1e-12);
});

test("a point of the plane leads back to its place: V (z - mean) = xy", () => {
  const s = Math.SQRT1_2;
  const pca: NonNullable<Manifest["pca"]> = { mean: [1, -2, 0.5], components: [[s, s, 0], [s, -s, 0]] };
  const xy = Float32Array.of(0.25, -3, 2, 1);
  const z = onPlane(pca, xy);
  for (let i = 0; i < 2; i++) {
    for (const axis of [0, 1] as const) {
      let sum = 0;
      for (let d = 0; d < 3; d++) sum += pca.components[axis][d] * (z[3 * i + d] - pca.mean[d]);
      assert.ok(Math.abs(sum - xy[2 * i + axis]) < 1e-6);
    }
    assert.ok(Math.abs(z[3 * i + 2] - 0.5) < 1e-6);
  }
});

test("a map offers the plane only where it is the plane, and calls it exact at two dimensions", () => {
  const map = (name: string) => ({ name, panels: false });
  const manifest = {
    latentDim: 16,
    pca: { mean: [], components: [[], []] },
    maps: [map("pca"), map("tsne"), { name: "panels", panels: true }],
    sheets: { tsne: {}, panels: {} },
  } as unknown as Manifest;
  assert.deepEqual(waysFor(manifest, "pca", false), ["plane", "nearest"]);
  assert.deepEqual(waysFor({ ...manifest, latentDim: 2 }, "pca", false), ["exact", "nearest"]);
  assert.deepEqual(waysFor(manifest, "tsne", false), ["nearest", "sheet"]);
  assert.deepEqual(waysFor(manifest, "tsne", true), ["nearest"]);
  assert.deepEqual(waysFor({ ...manifest, pca: null }, "pca", false), ["nearest"]);
  assert.deepEqual(waysFor(manifest, "panels", false), ["nearest"]);
});

test("the fog of a place is none at a point, all far from every point, and grows between", () => {
  assert.equal(mapFog(0, 10), 0);
  assert.equal(mapFog(5, 10), 1);
  const between = [0.1, 0.2, 0.3, 0.4].map((d) => mapFog(d, 10));
  assert.ok(between.every((fog, i) => fog > 0 && fog < 1 && (i === 0 || fog > between[i - 1])));
});

test("of many calls the first and the newest run, and an error does not stop the next", async () => {
  const ran: number[] = [];
  const failed: unknown[] = [];
  let release = () => {};
  const ask = latest<number>(
    async (value) => {
      ran.push(value);
      if (value === 1) await new Promise<void>((done) => (release = done));
      if (value === 4) throw new Error("four");
    },
    (error) => failed.push((error as Error).message),
  );
  for (const value of [1, 2, 3, 4]) ask(value);
  release();
  await new Promise((done) => setTimeout(done));
  ask(5);
  await new Promise((done) => setTimeout(done));
  assert.deepEqual(ran, [1, 4, 5]);
  assert.deepEqual(failed, ["four"]);
});
