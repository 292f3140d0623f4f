import assert from "node:assert/strict";
import { test } from "node:test";

import { flipsOf, oddsParts, percent, shareBelow, winners } from "../src/parts/odds.ts";

test("the parts of a bar sum to one, the largest first, the small ones together", () => {
  const parts = oddsParts([0.01, 0.6, 0.005, 0.3, 0.085]);
  assert.deepEqual(parts.map((p) => p.label), [1, 3, 4, -1]);
  assert.ok(Math.abs(parts.reduce((s, p) => s + p.share, 0) - 1) < 1e-9);
  assert.ok(Math.abs(parts[3].share - 0.015) < 1e-9);
  assert.deepEqual(oddsParts([0, 1]), [{ label: 1, share: 1 }]);
  assert.deepEqual(oddsParts([0, 0]), []);
});

test("a bar of two hundred even classes shows no more than asked", () => {
  const parts = oddsParts(new Float32Array(200).fill(1 / 200), 4, 0.02);
  assert.deepEqual(parts.map((p) => p.label), [0, -1]);
});

test("the winner of each row; the first of equals; none without numbers", () => {
  assert.deepEqual([...winners([0.2, 0.8, 0.5, 0.5, NaN, NaN], 2)], [1, 0, -1]);
  assert.equal(winners([], 0).length, 0);
});

test("flips are the first frames of a new winner", () => {
  assert.deepEqual(flipsOf([4, 4, 4, 9, 9]), [{ frame: 3, from: 4, to: 9 }]);
  assert.deepEqual(flipsOf([4, 8, 9, 8]).map((f) => f.frame), [1, 2, 3]);
  assert.deepEqual(flipsOf([4, -1, 9]), [{ frame: 2, from: 4, to: 9 }]);
  assert.deepEqual(flipsOf([7, 7, 7]), []);
  assert.deepEqual(flipsOf([]), []);
});

test("a value among quantiles", () => {
  const quantiles = [0, 1, 2, 4];
  assert.equal(shareBelow(quantiles, -1), 0);
  assert.equal(shareBelow(quantiles, 1), 1 / 3);
  assert.equal(shareBelow(quantiles, 3), 2.5 / 3);
  assert.equal(shareBelow(quantiles, 9), 1);
  assert.ok(Number.isNaN(shareBelow([], 1)));
});

test("odds are never called certain when they are not", () => {
  assert.deepEqual([0, 0.004, 0.5, 0.9951, 1].map(percent), ["0%", "<1%", "50%", ">99%", "100%"]);
});
