// The page against latlas itself, on a small made-up space; parity.json is made by make_parity.py.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fitGaussian } from "../src/compute/gaussian.ts";
import { LatentMaths, type SpaceData } from "../src/compute/latents.ts";
import { logDensity, readMixture, type Density } from "../src/compute/mixture.ts";
import { placeOnPlane } from "../src/compute/place.ts";
import { alongData } from "../src/compute/walk.ts";

const said = JSON.parse(readFileSync(new URL("../../web/test/parity.json", import.meta.url), "utf8"));
const dim: number = said.dim;
const z = Float32Array.from(said.z);
const queries = Float32Array.from(said.queries);

function space(more: Partial<SpaceData>): LatentMaths {
  const labels = Int16Array.from(said.labels);
  const train = new Uint8Array(labels.length).fill(1);
  return new LatentMaths({
    dim,
    classes: 4,
    z,
    labels,
    train,
    linear: null,
    knn: null,
    fog: [],
    plane: null,
    ...more,
  });
}

function near(got: ArrayLike<number>, wanted: ArrayLike<number>, within: number): void {
  assert.equal(got.length, wanted.length);
  for (let i = 0; i < got.length; i++) {
    assert.ok(Math.abs(got[i] - wanted[i]) <= within, `${i}: ${got[i]} is not ${wanted[i]}`);
  }
}

/** Odds of the known classes at their places among all four. */
function spread(odds: number[], classes: number[]): number[] {
  const all: number[] = [];
  for (let row = 0; row * classes.length < odds.length; row++) {
    for (let label = 0; label < 4; label++) {
      const place = classes.indexOf(label);
      all.push(place < 0 ? 0 : odds[row * classes.length + place]);
    }
  }
  return all;
}

test("odds of the kNN classifier are those of latlas", () => {
  const { odds, ...knn } = said.knn;
  near(space({ knn: { ...knn, accuracy: null } }).odds(queries)!, spread(odds, knn.classes), 2e-6);
});

test("odds of the linear classifier are those of latlas", () => {
  const { odds, ...linear } = said.linear;
  near(space({ linear: { ...linear, accuracy: null } }).odds(queries)!, spread(odds, linear.classes), 1e-6);
});

test("the density of a mixture is that of latlas", () => {
  const { components, weights, means, roots, log_density } = said.gmm;
  const bytes = Float32Array.from([...weights, ...means, ...roots]).buffer;
  const info = { name: "gmm", resource: "mixture-gmm", densities: [{ label: -1, components }] };
  near(logDensity(readMixture(info, bytes, dim).get(-1)!, queries), log_density, 2e-3);
});

test("a Gaussian is shrunk as by latlas, and leans on others as there", () => {
  const { log_density, root, few, borrowed, prior } = said.gaussian;
  const lone = fitGaussian(z.slice(0, 60 * dim), dim);
  near(lone.roots, root, 1e-6);
  near(logDensity(lone, queries), log_density, 1e-4);
  near(fitGaussian(z.slice(0, 4 * dim), dim, Float64Array.from(borrowed)).roots, few, 1e-6);
  const all: Density = fitGaussian(z, dim);
  near(logDensity(all, queries), prior, 1e-4);
});

test("new latents land where latlas puts them", () => {
  const { mean, components, xy } = said.pca;
  near(placeOnPlane({ mean, components }, queries), xy, 1e-5);
  const maths = space({});
  maths.addMap("other", Float32Array.from(said.placed.places));
  near(maths.place(queries, "other", -1), said.placed.xy, 1e-4);
});

test("the way along the data is that of latlas", () => {
  const points = Float32Array.from(said.walk.points);
  const way = alongData(points.slice(6), 3, points.slice(0, 3), points.slice(3, 6), 9)!;
  near(way, said.walk.z, 1e-4);
});
