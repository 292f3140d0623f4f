import assert from "node:assert/strict";
import { test } from "node:test";

import type { Manifest } from "../src/contracts.ts";
import { readAsk, sameAsk, writeAsk, type Ask } from "../src/features/generate/ask.ts";
import { chance, streamOf, toldLabels } from "../src/features/generate/draw.ts";
import { factsOf, length, median } from "../src/features/generate/facts.ts";

const ASK: Ask = { prior: "gmm", label: -1, temperature: 0.85, seed: 7, n: 40 };

function manifest(scope: Manifest["scope"], counts: number[], labels: number[]): Manifest {
  const classes = counts.map((count, i) => ({ name: `c${i}`, colour: "#000000", count }));
  const densities = labels.map((label) => ({ label, components: 1 }));
  return { scope, classes, mixtures: [{ name: "gmm", resource: "mixture-gmm", densities }] } as never;
}

test("what is asked for goes into the address and back", () => {
  const read = readAsk(writeAsk(ASK), new Set(["gmm"]), 10);
  assert.deepEqual(read, ASK);
  assert.ok(sameAsk(ASK, read));
  assert.ok(!sameAsk({ ...ASK, seed: 8 }, read));
  assert.ok(!sameAsk(null, read));
});

test("an address that asks for what cannot be is not read", () => {
  const priors = new Set(["gmm"]);
  const bad = ["", "flow~-1~1~0~4", "gmm~10~1~0~4", "gmm~0~9~0~4", "gmm~0~1~0~0", "gmm~0~1~0~101", "gmm~0~1~x~4"];
  for (const text of bad) assert.throws(() => readAsk(text, priors, 10), RangeError, text);
});

test("chance repeats for a seed, differs for another, and is even", () => {
  const draw = (seed: number, n: number): number[] => {
    const next = chance(seed);
    return Array.from({ length: n }, next);
  };
  assert.deepEqual(draw(3, 5), draw(3, 5));
  assert.notDeepEqual(draw(3, 5), draw(4, 5));
  for (const seed of [0, 1, 99_999]) {
    const values = draw(seed, 20_000);
    assert.ok(values.every((v) => v >= 0 && v < 1));
    // The mean of 20,000 even numbers strays by 0.002; five times that is allowed.
    assert.ok(Math.abs(values.reduce((s, v) => s + v, 0) / values.length - 0.5) < 0.01);
  }
});

test("a label asked for is told; in the scope global none is told otherwise", () => {
  assert.deepEqual([...toldLabels(manifest("global", [5, 5], [0, 1]), { ...ASK, n: 2 })], [-1, -1]);
  const asked = toldLabels(manifest("conditional", [5, 5], [0, 1]), { ...ASK, label: 1, n: 2 });
  assert.deepEqual([...asked], [1, 1]);
});

test("without a label the other scopes draw as often as there are images, where a density is", () => {
  const told = toldLabels(manifest("per-class", [300, 100, 600], [0, 1]), { ...ASK, n: 4000 });
  const shares = [0, 1, 2].map((label) => told.filter((each) => each === label).length / 4000);
  assert.equal(shares[2], 0);
  assert.ok(Math.abs(shares[0] - 0.75) < 0.035 && Math.abs(shares[1] - 0.25) < 0.035);
});

test("each class has a stream of its own", () => {
  const streams = [0, 1, 2].flatMap((seed) => [-1, 0, 9].map((label) => streamOf(seed, label)));
  assert.equal(new Set(streams).size, streams.length);
});

test("facts: median, near copies, and the class that was met", () => {
  const fog = Array.from({ length: 101 }, (_, i) => 1 + i / 100);
  const sample = (distance: number, reads: number) => ({ near: { row: 0, distance }, reads });
  const facts = factsOf([sample(0.5, 4), sample(1.2, 4), sample(1.6, 9)], fog, 4);
  assert.deepEqual(facts, { own: 1.2, real: 1.5, copies: 1, answered: 2 });
  assert.ok(Number.isNaN(factsOf([], [], -1).own) && Number.isNaN(factsOf([], [], -1).real));
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.deepEqual([0.123, 12.345, NaN].map(length), ["0.12", "12.3", "?"]);
});
