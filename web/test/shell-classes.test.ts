import assert from "node:assert/strict";
import { test } from "node:test";
import type { App, Manifest } from "../src/contracts.ts";
import { newNames, UNCHANGED } from "../src/features/select/changes.ts";
import { explain } from "../src/parts/explain.ts";
import { classColour, fittedClasses, setReaderClasses } from "../src/shell/classes.ts";

const state = (labels: Record<string, string>) => ({ ...UNCHANGED, labels });

test("names that are no class come after those that were there before", () => {
  const labels = { 1: "b", 2: "smudge", 3: "", 4: "torn", 5: "smudge" };
  assert.deepEqual(newNames(state(labels), ["a", "b"], []), ["smudge", "torn"]);
  assert.deepEqual(newNames(state(labels), ["a", "b"], ["torn", "gone"]), ["torn", "smudge"]);
  assert.deepEqual(newNames(state({}), ["a"], ["torn"]), []);
});

test("classes and the column of labels follow the names, and let them go", () => {
  const own = { name: "a", colour: "#063f80", count: 5 };
  const manifest = {
    classes: [own],
    columns: [{ name: "label", title: "Label", kind: "class", dtype: "u1", names: ["a"], colours: ["#063f80"] }],
  } as unknown as Manifest;
  setReaderClasses(manifest, 1, ["smudge", "torn"], [3, 1]);
  assert.deepEqual(manifest.classes.map((each) => [each.name, each.count]), [["a", 5], ["smudge", 3], ["torn", 1]]);
  assert.deepEqual(manifest.columns[0].names, ["a", "smudge", "torn"]);
  assert.equal(new Set(manifest.columns[0].colours).size, 3);
  setReaderClasses(manifest, 1, [], []);
  assert.deepEqual(manifest.classes, [own]);
  assert.deepEqual(manifest.columns[0].names, ["a"]);
});

test("a space without labels gets a column of labels once there is a name", () => {
  const manifest = { classes: [], columns: [] } as unknown as Manifest;
  setReaderClasses(manifest, 0, [], []);
  assert.equal(manifest.columns.length, 0);
  setReaderClasses(manifest, 0, ["round"], [2]);
  assert.deepEqual(manifest.columns.map((each) => [each.name, each.names]), [["label", ["round"]]]);
});

test("a hundred classes have a hundred colours", () => {
  const colours = Array.from({ length: 100 }, (_, i) => classColour(i));
  assert.ok(colours.every((each) => /^#[0-9a-f]{6}$/.test(each)));
  assert.equal(new Set(colours).size, 100);
});

test("the names of a reader are no classes that a model knows", async () => {
  const classes = ["a", "b"].map((name) => ({ name, colour: "#063f80", count: 5 }));
  for (const scope of ["per-class", "conditional"]) {
    const manifest = { scope, classes: [...classes], columns: [], shape: [1, 1, 1] } as unknown as Manifest;
    setReaderClasses(manifest, 2, ["smudge"], [1]);
    assert.deepEqual(fittedClasses(manifest), classes);
    const told: number[] = [];
    const decoder = {
      encode: (_: Float32Array, labels: number[]) => (told.push(labels[0]), Promise.resolve(Float32Array.of(0))),
      decode: (_: Float32Array, labels: number[]) => Promise.resolve(new Uint8ClampedArray(4).fill(labels[0])),
    };
    const ways = await explain({ manifest, decoder } as unknown as App, Float32Array.of(0));
    assert.deepEqual([told, ways.map((way) => way.label)], [[0, 1], [0, 1]]);
  }
});
