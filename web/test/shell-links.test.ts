import assert from "node:assert/strict";
import { test } from "node:test";
import type { Manifest } from "../src/contracts.ts";
import { readPlace, writePlace } from "../src/features/probe/kept.ts";
import { isVector, readVector, writeVector } from "../src/features/probe/vector.ts";
import { isNear } from "../src/map/camera.ts";
import { readIds, writeIds } from "../src/shell/state.ts";

test("ids are written as distances in base 36, and read back in ascending order", () => {
  assert.equal(writeIds([3, 4, 40, 1300]), "3.1.10.z0");
  assert.equal(writeIds([1300, 3, 40, 4]), "3.1.10.z0");
  for (const ids of [[], [0], [7], [-12, -3, 0, 5], [-(2 ** 31), 2 ** 31 - 1], Array.from({ length: 300 }, (_, i) => i ** 2)]) {
    assert.deepEqual(readIds(writeIds(ids)), ids);
  }
});

test("three hundred ids of a million images make a link of ordinary length", () => {
  const ids = Array.from({ length: 300 }, (_, i) => (i * 7919 * 7919) % 1_000_000);
  assert.ok(writeIds(ids).length < 300 * 4);
});

test("what names no ids is refused", () => {
  const long = Array.from({ length: 301 }, () => "1").join(".");
  for (const text of ["a..b", ".", "1.", "1.0", "1.-3", "1.2!", " 1", "1e400.%", "zzzzzzzz", "Infinity.NaN.x", "한", "--1", long, "1.".repeat(1e6)]) {
    assert.throws(() => readIds(text), RangeError, text.slice(0, 20));
  }
});

test("a place is read back as it was written, with the image it is beside", () => {
  for (const place of [{ x: 1.5, y: -2.25 }, { x: 0, y: 1e-9 }, { x: -0.125, y: 0.5, id: 41 }, { x: 0, y: 0, id: -3 }]) {
    assert.deepEqual(readPlace(writePlace(place)), place);
  }
  assert.equal(writePlace({ x: 1 / 3, y: 12345.678901 }), "0.3333333_12345.68");
});

test("what is no place is refused", () => {
  for (const text of ["", "_", "1", "1_", "_2", "NaN_1", "1_Infinity", "1_2_", "1_2_3_4", "1_2_3.5", "1_2_x", "a_b", "1e999_0"]) {
    assert.throws(() => readPlace(text), RangeError, text);
  }
});

test("a place is near a map within one width of it, and nowhere on a map without points", () => {
  const places = Float32Array.of(0, 0, NaN, NaN, 10, 4);
  assert.ok(isNear({ x: 19, y: -9 }, places));
  assert.ok(!isNear({ x: 21, y: 0 }, places));
  assert.ok(!isNear({ x: 1e300, y: 1e300 }, places));
  assert.ok(!isNear({ x: 0, y: 0 }, Float32Array.of(NaN, NaN)));
});

const space = (scope: Manifest["scope"], latentDim: number) => {
  const classes = ["a", "b", "smudge"].map((name) => ({ name, colour: "#000000", count: 1, byReader: name === "smudge" }));
  return { scope, latentDim, classes } as unknown as Manifest;
};

test("a vector is read back to the bit, with the label that its decoder is told", () => {
  for (const D of [1, 2, 3, 8, 64]) {
    const z = Float32Array.from({ length: D }, (_, d) => Math.sin(7 * d + 1) * 10 ** (d % 5));
    const alone = writeVector(space("global", D), { z, label: 1 });
    assert.ok(isVector(alone) && /^z\.[\w-]+$/.test(alone) && alone.length < 350);
    assert.deepEqual(readVector(space("global", D), alone), { z, label: -1 });
    for (const scope of ["per-class", "conditional"] as const) {
      const text = writeVector(space(scope, D), { z, label: 1 });
      assert.deepEqual(readVector(space(scope, D), text), { z, label: 1 });
    }
  }
});

test("a vector of many numbers stands in no link", () => {
  assert.equal(writeVector(space("global", 65), { z: new Float32Array(65), label: -1 }), "");
  assert.ok(!isVector("1_2"));
});

test("what is no vector of the space is refused", () => {
  const told = (scope: Manifest["scope"], z: number[], label: number) => writeVector(space(scope, z.length), { z: Float32Array.from(z), label });
  const refused: [Manifest["scope"], string][] = [
    ["global", told("global", [1, 2, 3], -1)],
    ["global", told("conditional", [1, 2], 0)],
    ["per-class", told("global", [1, 2], -1)],
    ["per-class", told("per-class", [1, 2], 2)],
    ["conditional", told("conditional", [1, 2], 99)],
    ["global", told("global", [NaN, 0], -1)],
    ["global", told("global", [0, Infinity], -1)],
    ["global", told("global", [0, -1e30], -1)],
    ...["z.", "z.AAAA", "z.!!!!!!!!!!!", "z.AAAAAAAAAAA.-1", "z.AAAAAAAAAAA.1.2", "z.AAAAAAAAAAA.9999999", "AAAAAAAAAAA"].map(
      (text): [Manifest["scope"], string] => ["conditional", text],
    ),
  ];
  for (const [scope, text] of refused) assert.throws(() => readVector(space(scope, 2), text), RangeError, text);
});
