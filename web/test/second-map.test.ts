import assert from "node:assert/strict";
import { test } from "node:test";
import { otherMap } from "../src/features/second/map.ts";

const MAPS = ["tsne", "pca", "umap"];

test("beside a map stands the first other one, unless another was chosen", () => {
  assert.equal(otherMap(MAPS, "tsne", ""), "pca");
  assert.equal(otherMap(MAPS, "pca", ""), "tsne");
  assert.equal(otherMap(MAPS, "tsne", "umap"), "umap");
});

test("no map stands beside itself, and a choice outlives that", () => {
  assert.equal(otherMap(MAPS, "umap", "umap"), "tsne");
  assert.equal(otherMap(MAPS, "pca", "umap"), "umap");
  assert.equal(otherMap(MAPS, "tsne", "gone"), "pca");
  assert.equal(otherMap(["pca"], "pca", "pca"), undefined);
  assert.equal(otherMap([], "", ""), undefined);
});
