import assert from "node:assert/strict";
import { test } from "node:test";
import { fitGaussian, shrunk } from "../src/compute/gaussian.ts";
import { LatentMaths } from "../src/compute/latents.ts";
import { cholesky, eigen, meanOf, scatterOf, solveCholesky } from "../src/compute/matrix.ts";
import { drawFrom, logDensity, readMixture, type Density } from "../src/compute/mixture.ts";
import { chosen, random } from "../src/compute/random.ts";

const two: Density = {
  weights: Float64Array.of(0.25, 0.75),
  means: Float64Array.of(-10, 0, 10, 5),
  roots: Float64Array.of(1, 0, 0.5, 2, 3, 0, -1, 0.5),
};

function close(got: ArrayLike<number>, wanted: ArrayLike<number>, within: number): void {
  assert.equal(got.length, wanted.length);
  for (let i = 0; i < got.length; i++)
    assert.ok(Math.abs(got[i] - wanted[i]) <= within, `${i}: ${got[i]}, ${wanted[i]}`);
}

test("a seed repeats its stream, other seeds and purposes have others", () => {
  const draw = (seed: number, purpose = 0) => {
    const stream = random(seed, purpose);
    return [stream.uniform(), stream.normal(), stream.normal(), stream.uniform()];
  };
  assert.deepEqual(draw(7), draw(7));
  const firsts = [draw(0), draw(1), draw(2 ** 32), draw(2 ** 40), draw(0, 1)].map(([first]) => first);
  assert.equal(new Set(firsts).size, 5);
});

test("uniform numbers fill 0..1 and normal ones have the moments of the normal distribution", () => {
  const stream = random(3);
  const uniform = Float64Array.from({ length: 20_000 }, () => stream.uniform());
  assert.ok(uniform.every((value) => value >= 0 && value < 1));
  const tenths = new Array(10).fill(0);
  uniform.forEach((value) => tenths[Math.floor(value * 10)]++);
  assert.ok(
    tenths.every((count) => Math.abs(count - 2000) < 200),
    String(tenths),
  );
  const normal = Float64Array.from({ length: 20_000 }, () => stream.normal());
  const moment = (power: number) => normal.reduce((sum, value) => sum + value ** power, 0) / normal.length;
  close([moment(1), moment(2), moment(3), moment(4)], [0, 1, 0, 3], 0.12);
});

test("rows are chosen once each, and the first few are those of a longer choice", () => {
  const all = chosen(50, 50, random(1));
  assert.deepEqual(
    [...all].sort((a, b) => a - b),
    Array.from({ length: 50 }, (_, i) => i),
  );
  assert.deepEqual([...chosen(50, 7, random(1))], [...all.slice(0, 7)]);
  assert.equal(chosen(3, 9, random(1)).length, 3);
});

test("a mixture is drawn from by its weights, means and spreads", () => {
  const z = drawFrom(two, 8000, 1, 5);
  const right = Array.from({ length: 8000 }, (_, i) => i).filter((i) => z[2 * i] > 0);
  assert.ok(Math.abs(right.length / 8000 - 0.75) < 0.02);
  const rows = Float32Array.from(right.flatMap((i) => [z[2 * i], z[2 * i + 1]]));
  close(meanOf(rows, 2), [10, 5], 0.15);
  // L Lᵀ of the second root.
  close(scatterOf(rows, 2, meanOf(rows, 2)), [9, -3, -3, 1.25], 0.4);
});

test("fewer draws are the first of more, and temperature moves them along the line to the mean", () => {
  const many = drawFrom(two, 40, 1, 9);
  assert.deepEqual(drawFrom(two, 10, 1, 9), many.slice(0, 20));
  const cold = drawFrom(two, 40, 0.5, 9);
  for (let i = 0; i < 40; i++) {
    const k = many[2 * i] > 0 ? 1 : 0;
    for (let d = 0; d < 2; d++) {
      const mean = two.means[2 * k + d];
      assert.ok(Math.abs(cold[2 * i + d] - mean - 0.5 * (many[2 * i + d] - mean)) < 1e-5);
    }
  }
  assert.notDeepEqual(drawFrom(two, 10, 1, 8), many.slice(0, 20));
});

test("the log density of a standard normal, and of two of them", () => {
  const one: Density = {
    weights: Float64Array.of(1),
    means: Float64Array.of(0, 0),
    roots: Float64Array.of(1, 0, 0, 1),
  };
  close(logDensity(one, [0, 0, 3, 4]), [-Math.log(2 * Math.PI), -Math.log(2 * Math.PI) - 12.5], 1e-12);
  // Far from the first component, the second is all there is: log 0.75 - log det - log 2π.
  close(logDensity(two, [10, 5]), [Math.log(0.75) - Math.log(1.5) - Math.log(2 * Math.PI)], 1e-9);
});

test("a mixture of a wrong size is refused in words", () => {
  const info = { name: "gmm", resource: "mixture-gmm", densities: [{ label: -1, components: 2 }] };
  assert.throws(() => readMixture(info, new ArrayBuffer(12), 2), /gmm has 12 bytes where 56 were expected/);
});

test("a Gaussian has a density however few the rows and whatever is constant", () => {
  for (const rows of [
    [1, 2, 3],
    [5, 5, 5, 5, 5, 5],
    [0, 0, 0, 1, 0, 0],
  ]) {
    const { roots, means } = fitGaussian(Float32Array.from(rows), 3);
    assert.ok([...roots, ...means].every(Number.isFinite));
    assert.ok([0, 4, 8].every((i) => roots[i] > 0));
  }
});

test("shrinking keeps the trace but for the floor, and many rows are hardly shrunk", () => {
  const scatter = Float64Array.of(4, 1, 1, 2);
  for (const n of [2, 20, 100_000]) {
    const covariance = shrunk(scatter, n, 2);
    close([covariance[0] + covariance[3]], [6 * (1 + 1e-6)], 1e-9);
    if (n > 1000) close(covariance, scatter, 1e-3);
  }
});

test("samples like one image stay near it, with the spread of its surroundings", () => {
  const stream = random(1);
  const z = Float32Array.from({ length: 2000 }, (_, i) => (i < 1000 ? 0 : 100) + 0.1 * stream.normal());
  const labels = new Int16Array(1000);
  const maths = new LatentMaths({
    dim: 2,
    classes: 1,
    z,
    labels,
    train: new Uint8Array(1000).fill(1),
    linear: null,
    knn: null,
    fog: [],
    plane: null,
  });
  const drawn = maths.sampleLike(Uint32Array.of(3), 200, 1, 0, -1);
  const spread = Math.sqrt(scatterOf(drawn, 2, meanOf(drawn, 2))[0]);
  assert.ok(spread > 0.05 && spread < 0.3, String(spread));
  assert.ok(drawn.every((value) => Math.abs(value) < 1.5));
  assert.throws(() => maths.sampleLike(new Uint32Array(0), 5, 1, 0, -1), /select at least one/);
});

test("few samples lean on rows that were told their label, whatever those are called now", () => {
  const stream = random(2);
  // Two spaces in one place: told 0 spreads by 0.1, told 1 by 10. Half the labels have changed.
  const told = Int16Array.from({ length: 1000 }, (_, row) => row % 2);
  const z = Float32Array.from({ length: 2000 }, (_, i) => (told[i >> 1] ? 10 : 0.1) * stream.normal());
  const maths = new LatentMaths({
    dim: 2,
    classes: 2,
    z,
    labels: Int16Array.from({ length: 1000 }, (_, row) => (row >> 1) % 2),
    told,
    train: new Uint8Array(1000).fill(1),
    linear: null,
    knn: null,
    fog: [],
    plane: null,
  });
  const spreadOf = (row: number) => {
    const drawn = maths.sampleLike(Uint32Array.of(row), 400, 1, 0, told[row]);
    return Math.sqrt(scatterOf(drawn, 2, meanOf(drawn, 2))[0]);
  };
  assert.ok(spreadOf(0) < 0.3, String(spreadOf(0)));
  assert.ok(spreadOf(1) > 1, String(spreadOf(1)));
  assert.ok(maths.nearest(z.subarray(0, 2), 50, 0, 1).rows.every((row) => told[row] === 1));
});

test("roots, solutions and eigenvectors of a matrix that is done by hand", () => {
  const a = Float64Array.of(4, 2, 2, 5);
  assert.deepEqual([...cholesky(a, 2)], [2, 0, 1, 2]);
  const b = Float64Array.of(8, 9);
  solveCholesky(cholesky(a, 2), b, 2, 1);
  close(b, [22 / 16, 20 / 16], 1e-12);
  const { values, vectors } = eigen(Float64Array.of(2, 1, 1, 2), 2);
  close(values, [3, 1], 1e-12);
  close(vectors.map(Math.abs), new Float64Array(4).fill(Math.SQRT1_2), 1e-12);
  assert.throws(() => cholesky(Float64Array.of(1, 2, 2, 1), 2), /not positive definite/);
});

test("eigenvectors put together again give the matrix, in 16 dimensions", () => {
  const stream = random(2);
  const rows = Float32Array.from({ length: 40 * 16 }, () => stream.normal());
  const a = scatterOf(rows, 16, meanOf(rows, 16));
  const { values, vectors } = eigen(a, 16);
  for (let i = 0; i < 16; i++) {
    for (let j = 0; j < 16; j++) {
      let sum = 0;
      for (let k = 0; k < 16; k++) sum += values[k] * vectors[k * 16 + i] * vectors[k * 16 + j];
      assert.ok(Math.abs(sum - a[i * 16 + j]) < 1e-9);
    }
  }
});
