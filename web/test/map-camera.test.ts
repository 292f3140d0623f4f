import assert from "node:assert/strict";
import { test } from "node:test";

import type { View } from "../src/contracts.ts";
import * as camera from "../src/map/camera.ts";

const size = { width: 1280, height: 720 };
const view: View = { x: 3, y: -2, scale: 12 };

function close(a: ArrayLike<number>, b: ArrayLike<number>, within = 1e-6): void {
  assert.equal(a.length, b.length);
  for (let i = 0; i < a.length; i++) {
    assert.ok(Math.abs(a[i] - b[i]) <= within, `${a[i]} is not ${b[i]}`);
  }
}

const numbers = ({ x, y, scale }: View) => [x, y, scale];

test("pixels and places are each other's inverse, y upwards", () => {
  close(camera.toScreen(view, size, 3, -2), [640, 360]);
  close(camera.toScreen(view, size, 4, -1), [652, 348]);
  for (const [px, py] of [[0, 0], [1280, 720], [17, 401]]) {
    const [x, y] = camera.toMap(view, size, px, py);
    close(camera.toScreen(view, size, x, y), [px, py]);
  }
});

test("a zoom about a pixel keeps the place under it", () => {
  const place = camera.toMap(view, size, 200, 650);
  const nearer = camera.zoomedAbout(view, size, 200, 650, 3.7);
  assert.equal(nearer.scale, 12 * 3.7);
  close(camera.toMap(nearer, size, 200, 650), place);
});

test("the box of places leaves out rows without one", () => {
  const xy = new Float32Array([0, 1, NaN, NaN, -4, 8, 2, -3]);
  assert.deepEqual(camera.boxOf(xy), { x0: -4, y0: -3, x1: 2, y1: 8 });
  assert.deepEqual(camera.boxOf(xy, [0, 1, 3]), { x0: 0, y0: -3, x1: 2, y1: 1 });
  assert.equal(camera.boxOf(xy, [1]), null);
  assert.equal(camera.boxOf(new Float32Array(0)), null);
});

test("a fitted box is whole on the canvas and fills one of its sides", () => {
  const boxes = [
    { x0: -5, y0: 0, x1: 5, y1: 1 },
    { x0: 0, y0: 10, x1: 1, y1: 900 },
  ];
  for (const box of boxes) {
    const fit = camera.fitted(box, size);
    const [left, bottom] = camera.toScreen(fit, size, box.x0, box.y0);
    const [right, top] = camera.toScreen(fit, size, box.x1, box.y1);
    close([left + right, top + bottom], [size.width, size.height]);
    assert.ok(left > 0 && top > 0);
    const fills = Math.max((right - left) / size.width, (bottom - top) / size.height);
    assert.ok(fills > 0.85 && fills < 0.95);
  }
});

test("a box of one point is shown at the largest scale allowed", () => {
  const fit = camera.fitted({ x0: 2, y0: 3, x1: 2, y1: 3 }, size, 50);
  assert.deepEqual(fit, { x: 2, y: 3, scale: 50 });
});

test("eases start at 0, end at 1 and never turn back", () => {
  for (const ease of [camera.easeInOut, camera.easeOut]) {
    close([ease(0), ease(1)], [0, 1], 1e-12);
    for (let i = 1; i <= 100; i++) assert.ok(ease(i / 100) >= ease((i - 1) / 100));
  }
  close([camera.easeInOut(0.5), camera.easeInOut(0.25) + camera.easeInOut(0.75)], [0.5, 1]);
});

test("paths lead from one view to the other", () => {
  const goals: View[] = [
    { x: 3, y: -2, scale: 90 },
    { x: 400, y: 300, scale: 12 },
    { x: 400, y: 300, scale: 60 },
    { x: 3.01, y: -2, scale: 12 },
    { ...view },
  ];
  for (const goal of goals) {
    const way = camera.path(view, goal, size);
    close(numbers(way(0)), numbers(view), 1e-6);
    close(numbers(way(1 - 1e-9)), numbers(goal), 1e-4);
    assert.deepEqual(way(1), goal);
  }
});

test("a path that zooms about a place on the screen keeps it in place all the way", () => {
  const goal = camera.zoomedAbout(view, size, 900, 100, 8);
  const place = camera.toMap(view, size, 900, 100);
  const way = camera.path(view, goal, size);
  for (const share of [0.2, 0.5, 0.9]) {
    close(camera.toScreen(way(share), size, place[0], place[1]), [900, 100], 1e-6);
  }
});

test("a long flight rises on its way, a short one hardly", () => {
  const far = camera.path(view, { x: 5000, y: 0, scale: 12 }, size)(0.5);
  assert.ok(far.scale < 3);
  const near = camera.path(view, { x: 5, y: -2, scale: 12 }, size)(0.5);
  assert.ok(near.scale > 11.9);
  close([near.x], [4]);
});

test("at the limits of zoom nothing drifts away from the cursor", () => {
  const place = camera.toMap(view, size, 100, 50);
  const wanted = camera.zoomedAbout(view, size, 100, 50, 10);
  const held = camera.limited(view, wanted, 1, 20);
  assert.equal(held.scale, 20);
  close(camera.toScreen(held, size, place[0], place[1]), [100, 50]);
  const stuck = camera.limited(view, wanted, 1, 12);
  close(numbers(stuck), numbers(view));
  assert.deepEqual(camera.limited(view, wanted, 1, 1e9), wanted);
});
