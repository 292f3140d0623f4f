import assert from "node:assert/strict";
import { test } from "node:test";
import { copies, quantile, ranked, strangers, type Neighbourhood } from "../src/features/lists/findings.ts";
import { meanOf, nearestToAny, nearestToOne, thinned, type Ask } from "../src/features/select/near.ts";
import { step } from "../src/parts/steps.ts";

/** Points drawn from a fixed sequence (a linear congruence), float32 [n dim]. */
function points(n: number, dim: number): Float32Array {
  let state = 7;
  return Float32Array.from({ length: n * dim }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  });
}

function distance(z: Float32Array, a: number, query: Float32Array, dim: number): number {
  let sum = 0;
  for (let d = 0; d < dim; d++) sum += (z[a * dim + d] - query[d]) ** 2;
  return Math.sqrt(sum);
}

function asker(z: Float32Array, dim: number): Ask {
  return async (query, k, without) => {
    assert.ok(k <= 1000, "a server gives no more");
    const out = new Set(without);
    const all = Array.from({ length: z.length / dim }, (_, row) => [row, distance(z, row, query, dim)]).filter(
      ([row]) => !out.has(row),
    );
    all.sort((a, b) => a[1] - b[1] || a[0] - b[0]);
    return {
      rows: Uint32Array.from(all.slice(0, k), (each) => each[0]),
      distances: Float32Array.from(all.slice(0, k), (each) => each[1]),
    };
  };
}

const DIM = 3;
const N = 300;
const Z = points(N, DIM);

test("nearest to the mean are the nearest rows that are not selected", async () => {
  const members = new Set([1, 2, 3, 50, 60]);
  const query = meanOf(Z.slice(0, 5 * DIM), DIM);
  const found = await nearestToOne(asker(Z, DIM), query, 12, members, N);
  const expected = Array.from({ length: N }, (_, row) => row)
    .filter((row) => !members.has(row))
    .sort((a, b) => distance(Z, a, query, DIM) - distance(Z, b, query, DIM))
    .slice(0, 12);
  assert.deepEqual([...found.rows], expected);
});

test("nearest to any are the rows whose nearest member is nearest, though members crowd", async () => {
  const centre = Z.subarray(0, DIM);
  const ranked = Array.from({ length: N }, (_, row) => row).sort(
    (a, b) => distance(Z, a, centre, DIM) - distance(Z, b, centre, DIM),
  );
  // A ball of 60: the inner members see nothing but each other at first.
  const chosen = ranked.slice(0, 60);
  const members = new Set(chosen);
  const z = Float32Array.from(chosen.flatMap((row) => [...Z.subarray(row * DIM, (row + 1) * DIM)]));
  const found = await nearestToAny(asker(Z, DIM), z, DIM, 9, members, N);
  const toSet = (row: number) =>
    Math.min(...chosen.map((each) => distance(Z, row, Z.subarray(each * DIM, (each + 1) * DIM), DIM)));
  const expected = ranked.slice(60).sort((a, b) => toSet(a) - toSet(b)).slice(0, 9);
  assert.deepEqual([...found!.rows], expected);
});

test("when everything is selected nothing is near, and the search ends", async () => {
  const members = new Set(Array.from({ length: N }, (_, row) => row));
  const found = await nearestToAny(asker(Z, DIM), Z.slice(0, 30), DIM, 5, members, N);
  assert.equal(found!.rows.length, 0);
});

test("of members that crowd beyond what a server gives at once, the nearest outside are found", async () => {
  const z = points(4000, 1);
  const rows = Array.from({ length: 4000 }, (_, row) => row).sort((a, b) => z[a] - z[b]);
  // On the line the least 1500 are selected: what is nearest outside are the next ones.
  const members = new Set(rows.slice(0, 1500));
  const expected = rows.slice(1500, 1509);
  const inner = Float32Array.of(z[rows[0]], z[rows[1499]]);
  assert.deepEqual([...(await nearestToOne(asker(z, 1), inner.slice(0, 1), 9, members, 4000)).rows], expected);
  assert.deepEqual([...(await nearestToAny(asker(z, 1), inner, 1, 9, members, 4000))!.rows], expected);
  assert.equal((await nearestToOne(asker(z, 1), inner.slice(0, 1), 700, members, 4000)).rows.length, 700);
});

test("a stopped search gives nothing", async () => {
  const found = await nearestToAny(asker(Z, DIM), Z.slice(0, 30), DIM, 5, new Set([0]), N, undefined, () => true);
  assert.equal(found, null);
});

test("thinned rows are spread over all of them", () => {
  assert.deepEqual(thinned(Uint32Array.of(3, 5, 8, 9, 10, 12), 3), Uint32Array.of(3, 8, 10));
  assert.deepEqual(thinned(Uint32Array.of(3), 3), Uint32Array.of(3));
});

async function neighbourhood(z: Float32Array, k: number): Promise<Neighbourhood> {
  const n = z.length / DIM;
  const near = { k, rows: new Uint32Array(n * k), distances: new Float32Array(n * k) };
  const ask = asker(z, DIM);
  for (let row = 0; row < n; row++) {
    const found = await ask(z.subarray(row * DIM, (row + 1) * DIM), k + 1);
    const others = [...found.rows.keys()].filter((i) => found.rows[i] !== row).slice(0, k);
    near.rows.set(others.map((i) => found.rows[i]), row * k);
    near.distances.set(others.map((i) => found.distances[i]), row * k);
  }
  return near;
}

test("an exact and a near copy are found first, once each; points at random are no copies", async () => {
  const z = points(N, DIM);
  z.copyWithin(20 * DIM, 4 * DIM, 5 * DIM);
  for (let d = 0; d < DIM; d++) z[30 * DIM + d] = z[7 * DIM + d] + 1e-5;
  const found = copies(await neighbourhood(z, 10));
  const pairs = found.map((each) => [each.row, each.partner]);
  assert.deepEqual(pairs.slice(0, 2), [
    [4, 20],
    [7, 30],
  ]);
  assert.ok(found.length < 6, `${found.length} pairs`);
  assert.ok(found[0].score > found[1].score && found[1].score > 3);
});

test("the row that lies far away is the strangest, the badly drawn one next to it", async () => {
  const z = points(N, DIM);
  z.fill(9, 11 * DIM, 12 * DIM);
  const errors = Float32Array.from({ length: N }, (_, row) => 0.01 + 0.001 * Math.sin(row));
  errors[77] = 0.2;
  errors[5] = NaN;
  const found = strangers(await neighbourhood(z, 10), errors, new Uint8Array(N));
  assert.deepEqual(new Set(found.slice(0, 2).map((each) => each.row)), new Set([11, 77]));
  assert.equal(found.find((each) => each.row === 11)!.facts.why, "alone");
  assert.equal(found.find((each) => each.row === 77)!.facts.why, "drawn");
  assert.equal(found.length, N);
});

test("rows by a number leave the missing out", () => {
  assert.deepEqual(ranked(Float32Array.of(1, NaN, 3, 2), true, 2), Uint32Array.of(2, 3));
  assert.deepEqual(ranked(Float32Array.of(1, NaN, 3, 2), false, 9), Uint32Array.of(0, 3, 2));
  assert.equal(quantile(Float64Array.of(4, 1, 3, 2), 0.5), 2.5);
});

test("arrows move by cells and lines, and stay inside", () => {
  assert.equal(step("ArrowDown", 1, 10, 4, 3), 5);
  assert.equal(step("ArrowDown", 8, 10, 4, 3), 9);
  assert.equal(step("ArrowUp", 1, 10, 4, 3), 0);
  assert.equal(step("PageDown", 0, 100, 4, 3), 8);
  assert.equal(step("End", 0, 100, 4, 3), 99);
  assert.equal(step("a", 0, 100, 4, 3), -1);
});
