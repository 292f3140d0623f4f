import assert from "node:assert/strict";
import { test } from "node:test";
import { flattened, hidden, shownBy } from "../src/compute/directions.ts";
import { LatentMaths, type SpaceData } from "../src/compute/latents.ts";
import { classShares, knnOddsInto, linearOdds } from "../src/compute/odds.ts";
import { placeAmong } from "../src/compute/place.ts";
import { random } from "../src/compute/random.ts";
import { alongData, resampled, straight } from "../src/compute/walk.ts";

function space(more: Partial<SpaceData>): LatentMaths {
  const rows = (more.z?.length ?? 0) / (more.dim ?? 2);
  return new LatentMaths({
    dim: 2,
    classes: 0,
    z: null,
    labels: new Int16Array(rows).fill(-1),
    train: new Uint8Array(rows).fill(1),
    linear: null,
    knn: null,
    fog: [],
    plane: null,
    ...more,
  });
}

function close(got: ArrayLike<number>, wanted: ArrayLike<number>, within = 1e-6): void {
  assert.equal(got.length, wanted.length);
  for (let i = 0; i < got.length; i++)
    assert.ok(Math.abs(got[i] - wanted[i]) <= within, `${i}: ${got[i]}, ${wanted[i]}`);
}

test("a straight walk has its ends and equal steps", () => {
  close(straight(Float32Array.of(0, 0), Float32Array.of(3, 6), 4), [0, 0, 1, 2, 2, 4, 3, 6]);
  close(straight(Float32Array.of(1, 1), Float32Array.of(1, 1), 3), [1, 1, 1, 1, 1, 1]);
});

test("a bent line is cut at equal distances", () => {
  close(resampled(Float32Array.of(0, 0, 1, 0, 1, 3), 2, 5), [0, 0, 1, 0, 1, 1, 1, 2, 1, 3]);
  close(resampled(Float32Array.of(2, 2), 2, 2), [2, 2, 2, 2]);
});

test("the way along the data follows a half circle instead of crossing the empty middle", () => {
  const ring = Float32Array.from({ length: 800 }, (_, i) => {
    const angle = (Math.PI * (i >> 1)) / 399;
    return i % 2 ? Math.sin(angle) : Math.cos(angle);
  });
  const way = alongData(ring, 2, Float32Array.of(1, 0), Float32Array.of(-1, 0), 21)!;
  for (let i = 0; i < 21; i++) {
    const [x, y] = [way[2 * i], way[2 * i + 1]];
    close([Math.hypot(x, y), Math.atan2(y, x)], [1, (Math.PI * i) / 20], 0.02);
  }
});

test("two islands have no way between them, and only allowed rows are walked on", () => {
  const stream = random(4);
  const z = Float32Array.from({ length: 800 }, (_, i) => (i < 400 ? 0 : 500) + stream.normal());
  const maths = space({
    z,
    classes: 2,
    labels: Int16Array.from({ length: 400 }, (_, i) => Number(i >= 200)),
  });
  const [a, b] = [Float32Array.of(0, 0), Float32Array.of(500, 500)];
  assert.throws(() => maths.walk(a, b, 5, "graph", -1), /islands of their own. Walk straight instead/);
  const way = maths.walk(a, Float32Array.of(1, 1), 5, "graph", 0);
  assert.ok(way.every((value) => Math.abs(value) < 5));
  assert.equal(way.length, 10);
});

test("the pull of neighbours: on a row itself, between two that agree, never in a gap", () => {
  const places = Float32Array.of(0, 0, 0, 2, 100, 100);
  const near = (rows: number[], distances: number[]) => ({
    rows: Uint32Array.from(rows),
    distances: Float32Array.from(distances),
  });
  assert.deepEqual(placeAmong(near([1, 0, 2], [0, 1, 1]), places), [0, 2]);
  const [x, y] = placeAmong(near([0, 1, 2], [1, 1, 1]), places);
  assert.ok(Math.abs(x) < 0.2 && y >= 0 && y <= 2.2);
  assert.deepEqual(placeAmong(near([], []), places), [NaN, NaN]);
});

test("rows without a place on a map do not draw new latents to them", () => {
  const maths = space({ z: Float32Array.of(0, 0, 1, 1, 9, 9) });
  maths.addMap("other", Float32Array.of(NaN, NaN, 5, 6, 7, 8));
  close(maths.place(Float32Array.of(0, 0), "other", -1).slice(0, 2), [5, 6], 0.1);
  assert.throws(() => maths.place(Float32Array.of(0, 0), "none", -1), /has no map none/);
});

test("the hidden directions of a flat map are those it leaves out, by their spread", () => {
  const stream = random(6);
  const z = Float32Array.from({ length: 4000 }, (_, i) => [5, 4, 1, 3][i % 4] * stream.normal());
  const places = Float32Array.from({ length: 2000 }, (_, i) => z[4 * (i >> 1) + (i & 1)]);
  const { axes, spread } = flattened(z, places, 4, 9);
  close(spread, [3, 1], 0.2);
  close(axes, [0, 0, 0, 1, 0, 0, 1, 0], 0.05);
});

test("hidden directions are orthonormal and orthogonal to what the map shows", () => {
  const stream = random(8);
  const z = Float32Array.from({ length: 100 * 6 }, () => stream.normal());
  const places = Float32Array.from(
    { length: 200 },
    (_, i) => z[6 * (i >> 1)] + (i & 1) * 2 * z[6 * (i >> 1) + 3],
  );
  const shown = shownBy(z, places, 6);
  const { axes, spread } = flattened(z, places, 6, 8);
  assert.equal(spread.length, 4);
  const axis = (i: number) => [...axes.slice(6 * i, 6 * i + 6)];
  const dot = (a: ArrayLike<number>, b: number[]) => b.reduce((sum, value, d) => sum + value * a[d], 0);
  for (let i = 0; i < 4; i++) {
    for (let j = 0; j < 4; j++) close([dot(axis(i), axis(j))], [Number(i === j)], 1e-5);
    for (const each of shown) close([dot(each, axis(i))], [0], 1e-4);
    if (i) assert.ok(spread[i] <= spread[i - 1]);
  }
});

test("where there is nothing to leave the map for, there is no direction", () => {
  assert.equal(
    hidden(
      Float32Array.of(0, 1, 1, 0, 2, 2),
      [
        [1, 0],
        [0, 1],
      ],
      2,
      8,
    ).spread.length,
    0,
  );
  const line = Float32Array.from({ length: 30 }, (_, i) => (i % 3 === 0 ? i : 0));
  assert.equal(
    hidden(
      line,
      [
        [1, 0, 0],
        [0, 1, 0],
      ],
      3,
      8,
    ).spread.length,
    0,
  );
  assert.equal(hidden(new Float32Array(9).fill(2), [], 3, 8).spread.length, 0);
});

test("odds by planes, worked out by hand", () => {
  const info = { classes: [0, 2], weights: [1, -1, 0, 0], bias: [0, 0], accuracy: null };
  const odds = linearOdds(info, Float32Array.of(Math.log(3) / 2, 7), 2, 3);
  close(odds, [0.75, 0, 0.25]);
});

test("odds by neighbours, worked out by hand", () => {
  const info = { classes: [0, 1], k: 2, temperature: 1, accuracy: null };
  const labels = Int16Array.of(0, 1, 1, -1);
  const shares = classShares(info, labels, Uint8Array.of(1, 1, 1, 1));
  close(shares, [1 / 3, 2 / 3]);
  const odds = new Float32Array(2);
  knnOddsInto(
    info,
    { rows: Uint32Array.of(0, 1), distances: Float32Array.of(0, 1) },
    labels,
    shares,
    odds,
    0,
  );
  const vote = 1 / (1 + Math.exp(-4));
  const [first, second] = [2 * vote + 1 / 3, 2 * (1 - vote) + 2 / 3];
  close(odds, [first / (first + second), second / (first + second)]);
  knnOddsInto(
    info,
    { rows: Uint32Array.of(0, 1), distances: Float32Array.of(0, 0) },
    labels,
    shares,
    odds,
    0,
  );
  close(odds, [(1 + 1 / 3) / 3, (1 + 2 / 3) / 3]);
});

test("without latents in the page the planes still tell classes apart, and the rest says why not", () => {
  const linear = { classes: [0, 1], weights: [1, 0, 0, 1], bias: [0, 0], accuracy: null };
  const maths = space({ classes: 2, linear });
  close(maths.odds(Float32Array.of(2, 2))!, [0.5, 0.5]);
  assert.equal(space({ classes: 2 }).odds(Float32Array.of(2, 2)), null);
  assert.throws(() => maths.fog(Float32Array.of(0, 0), -1), /open the space with: latlas serve/);
});
