import assert from "node:assert/strict";
import { test } from "node:test";
import { groupsOf, inUnit, picked } from "../src/compute/groups.ts";
import { Lanes } from "../src/compute/lanes.ts";

/** Work in so many pieces that writes down when each runs. */
function work(name: string, pieces: number, done: string[]) {
  const piece = async () => {
    done.push(name);
    await new Promise((go) => setImmediate(go));
  };
  return { pieces: new Array(pieces).fill(piece), result: () => name };
}

test("of one lane the latest is answered, and what it overtook while it waited is null", async () => {
  const lanes = new Lanes();
  const done: string[] = [];
  const answers = ["a", "b", "c", "d"].map((name) => lanes.ask(work(name, 1, done), "cursor"));
  // The first was at work already when the others came.
  assert.deepEqual(await Promise.all(answers), ["a", null, null, "d"]);
  assert.deepEqual(done, ["a", "d"]);
});

test("long work of a lane stops between two pieces once it is overtaken", async () => {
  const lanes = new Lanes();
  const done: string[] = [];
  const long = lanes.ask(work("long", 50, done), "ground");
  const next = lanes.ask(work("next", 2, done), "ground");
  assert.equal(await long, null);
  assert.equal(await next, "next");
  assert.deepEqual(done, ["long", "next", "next"]);
});

test("small work comes between the pieces of large work, and both are answered", async () => {
  const lanes = new Lanes();
  const done: string[] = [];
  const answers = [lanes.ask(work("tile", 3, done)), lanes.ask(work("cursor", 1, done), "cursor")];
  assert.deepEqual(await Promise.all(answers), ["tile", "cursor"]);
  assert.deepEqual(done, ["tile", "cursor", "tile", "tile"]);
});

test("work without a lane is answered in its order, and a failure harms only its own", async () => {
  const lanes = new Lanes();
  const done: string[] = [];
  const bad = { pieces: [() => Promise.reject(new Error("no"))], result: () => "never" };
  const answers = await Promise.allSettled([
    lanes.ask(work("a", 1, done)),
    lanes.ask(bad),
    lanes.ask(work("b", 1, done)),
    lanes.ask({ pieces: [], result: () => "empty" }),
  ]);
  assert.deepEqual(
    answers.map((each) => (each.status === "fulfilled" ? each.value : (each.reason as Error).message)),
    ["a", "no", "b", "empty"],
  );
});

test("latents are grouped by the net of their label, in pieces", () => {
  assert.deepEqual(groupsOf(3, null, [], 2), [
    { net: 0, rows: [0, 1] },
    { net: 0, rows: [2] },
  ]);
  assert.deepEqual(groupsOf(4, [5, 1, 1, 5], [0, 0, 0, 0, 0, 1], 9), [
    { net: 1, rows: [0, 3] },
    { net: 0, rows: [1, 2] },
  ]);
  assert.throws(() => groupsOf(1, null, [0, 1], 9), /Say which class is meant/);
  assert.throws(() => groupsOf(1, [-1], [0, 1], 9), /Say which class is meant/);
});

test("rows are picked in order, whether they lie together or apart", () => {
  const values = Float32Array.of(0, 0, 1, 1, 2, 2, 3, 3);
  assert.deepEqual([...picked(values, [1, 2], 2)], [1, 1, 2, 2]);
  assert.deepEqual([...picked(values, [3, 0], 2)], [3, 3, 0, 0]);
});

test("places of a map become 0..1, also where the map is a line", () => {
  assert.deepEqual([...inUnit(Float32Array.of(-2, 5, 2, 5), [-2, 5], [2, 5])], [0, 0, 1, 0]);
});
