import assert from "node:assert/strict";
import { test } from "node:test";

import { crowding, lookAt } from "../src/map/look.ts";
import { drawOrder, HIDDEN, shuffled } from "../src/map/order.ts";
import { luminance, onDark, paletteBytes, parseColour } from "../src/map/palette.ts";
import { wheelFactor } from "../src/map/wheel.ts";

test("the order is a shuffle of all rows, the same each time", () => {
  const order = shuffled(5000);
  assert.deepEqual(order, shuffled(5000));
  assert.notDeepEqual(order, shuffled(5000, 1));
  assert.deepEqual([...order].sort((a, b) => a - b), Array.from({ length: 5000 }, (_, i) => i));
  // Any beginning of it is a fair sample: its mean is near the middle.
  const mean = order.slice(0, 1000).reduce((sum, row) => sum + row, 0) / 1000;
  assert.ok(Math.abs(mean - 2500) < 150);
});

test("context is drawn first, hidden rows never, no class after all others", () => {
  const index = Uint16Array.from({ length: 3000 }, (_, row) => [0, 1, 2, HIDDEN][row % 4]);
  const { rows, context } = drawOrder(index, shuffled(3000));
  assert.equal(context, 750);
  assert.equal(rows.length, 2250);
  assert.ok(rows.slice(0, context).every((row) => index[row] === 0));
  const rest = rows.slice(context);
  assert.ok(rest.every((row) => index[row] === 1 || index[row] === 2));
  const ones = rest.slice(750).filter((row) => index[row] === 1).length;
  assert.ok(ones > 300 && ones < 450);
});

test("colours become bytes", () => {
  assert.deepEqual(parseColour("#063f80"), [6, 63, 128]);
  assert.deepEqual(parseColour("#FA0"), [255, 170, 0]);
  assert.deepEqual(parseColour("tomato"), [201, 206, 213]);
});

test("a palette keeps its order and repeats all but the grey of context", () => {
  const bytes = paletteBytes(["#010101", "#020202", "#030303"]);
  assert.equal(bytes.length, 4 * 4096);
  const entries = [0, 1, 2, 3, 4, 5].map((i) => bytes[4 * i]);
  assert.deepEqual(entries, [1, 2, 3, 2, 3, 2]);
  const many = Array.from({ length: 4096 }, (_, i) => `#${i.toString(16).padStart(6, "0")}`);
  const full = paletteBytes(many);
  for (const i of [0, 255, 256, 4095]) {
    assert.equal(full[4 * i + 1] * 256 + full[4 * i + 2], i);
    assert.equal(full[4 * i + 3], 255);
  }
});

test("on dark paper every class stands out and none changes places in lightness", () => {
  const colours = ["#063f80", "#6c0ec3", "#b11338", "#5c718d", "#aa710b", "#1cb38f", "#7ec4ff"];
  const paper = luminance(parseColour("#12161d"));
  let last = 0;
  for (const colour of colours) {
    const bright = luminance(parseColour(onDark(colour)));
    assert.ok((bright + 0.05) / (paper + 0.05) > 3, `${colour} has too little contrast`);
    assert.ok(bright >= last * 0.8);
    last = bright;
  }
  assert.equal(onDark("#ffffff"), "#ffffff");
  assert.equal(onDark("#aedf9a"), "#aedf9a");
});

test("crowding is in points for each unit², whatever is missing or far away", () => {
  const xy = Float32Array.from({ length: 2 * 64 * 64 }, (_, i) =>
    i % 2 ? Math.floor(i / 128) / 32 : ((i / 2) % 64) / 32,
  );
  assert.ok(Math.abs(crowding(xy) / 1024 - 1) < 0.1);
  const holes = xy.slice().fill(NaN, 0, 400);
  assert.ok(Math.abs(crowding(holes) / 1024 - 1) < 0.1);
  assert.equal(crowding(new Float32Array([NaN, NaN])), 0);
});

test("dots grow slower than the map, and more of them are more transparent", () => {
  const plain = { size: 1, opacity: 1, dark: false };
  const [far, near] = [lookAt(1000, 20, plain), lookAt(1000, 200, plain)];
  assert.ok(near.radius > far.radius && near.radius < 10 * far.radius);
  assert.ok(near.opacity > far.opacity);
  assert.ok(lookAt(1e6, 20, plain).opacity < far.opacity);
  assert.ok(far.contextRadius < far.radius && far.contextOpacity < far.opacity);
  assert.equal(lookAt(1000, 20, { ...plain, size: 2 }).radius, 2 * far.radius);
  assert.ok(lookAt(1000, 20, { ...plain, dark: true }).opacity > far.opacity);
});

test("a notch of the wheel and back is no zoom at all", () => {
  const event = { deltaY: 100, deltaMode: 0, ctrlKey: false };
  const there = wheelFactor(event);
  assert.ok(there < 1 && there > 0.7);
  assert.ok(Math.abs(there * wheelFactor({ ...event, deltaY: -100 }) - 1) < 1e-12);
  assert.equal(wheelFactor({ ...event, deltaY: 9e9 }), wheelFactor({ ...event, deltaY: 300 }));
  const lines = wheelFactor({ deltaY: 3, deltaMode: 1, ctrlKey: false });
  assert.ok(Math.abs(lines / there - 1) < 0.02);
});
