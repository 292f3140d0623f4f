import assert from "node:assert/strict";
import { test } from "node:test";
import { densityOf, FEWEST, levelsOf, linesAt, type Density } from "../src/features/contours/density.ts";

/** Places of n points of a standard Gaussian, each moved by `to`; always the same. */
function normals(n: number, to = (x: number, y: number, _i: number): [number, number] => [x, y]): Float32Array {
  let seed = 7;
  const uniform = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return (seed + 0.5) / 2 ** 32;
  };
  const xy = new Float32Array(2 * n);
  for (let i = 0; i < n; i++) {
    const [r, turn] = [Math.sqrt(-2 * Math.log(uniform())), 2 * Math.PI * uniform()];
    xy.set(to(r * Math.cos(turn), r * Math.sin(turn), i), 2 * i);
  }
  return xy;
}

/** The lines that enclose a share of the points, in the unit of the points. */
function around(xy: Float32Array, share: number): Float32Array[] {
  const density = densityOf(xy)!;
  const { x, y, cell } = density;
  return linesAt(density, levelsOf(density, xy, [share])[0]).map((line) => line.map((value, i) => (i % 2 ? y : x) + value * cell));
}

/** Whether a place lies within an odd number of lines. */
function within(lines: Float32Array[], x: number, y: number): boolean {
  let odd = false;
  for (const line of lines) {
    for (let i = 0; i < line.length; i += 2) {
      const j = (i + 2) % line.length;
      const [ax, ay, bx, by] = [line[i], line[i + 1], line[j], line[j + 1]];
      if (ay > y !== by > y && x < ax + ((y - ay) / (by - ay)) * (bx - ax)) odd = !odd;
    }
  }
  return odd;
}

function shareWithin(lines: Float32Array[], xy: Float32Array): number {
  let count = 0;
  for (let i = 0; i < xy.length; i += 2) if (within(lines, xy[i], xy[i + 1])) count++;
  return count / (xy.length / 2);
}

const SHARES = [0.25, 0.5, 0.75, 0.9];

test("around a Gaussian the lines are circles, each of the radius that holds its share", () => {
  const xy = normals(100_000);
  for (const share of SHARES) {
    const radius = Math.sqrt(-2 * Math.log(1 - share));
    const lines = around(xy, share);
    assert.equal(lines.length, 1, `${share}`);
    const radii = Array.from({ length: lines[0].length / 2 }, (_, i) => Math.hypot(lines[0][2 * i], lines[0][2 * i + 1]));
    const mean = radii.reduce((sum, each) => sum + each) / radii.length;
    assert.ok(Math.abs(mean / radius - 1) < 0.02, `${share}: ${mean} for ${radius}`);
    assert.ok(radii.every((each) => Math.abs(each / radius - 1) < 0.1), `${share}: ${Math.min(...radii)} to ${Math.max(...radii)}`);
  }
});

test("lines hold the shares that they are said to hold, also of clusters and long shapes", () => {
  const shapes = [
    normals(20_000, (x, y, i) => [x + 9 * (i % 3), y + 5 * (i % 2)]),
    normals(20_000, (x, y) => [400 * x, 0.5 * y + 1000]),
    normals(20_000, (x, y) => [3 * Math.cos(x) + 0.1 * y, 3 * Math.sin(x) + 0.1 * x]),
    normals(200),
  ];
  for (const xy of shapes) {
    for (const share of SHARES) {
      const found = shareWithin(around(xy, share), xy);
      assert.ok(Math.abs(found - share) < 0.01, `${found} for ${share}`);
    }
  }
});

test("two clusters far from each other have lines of their own", () => {
  const lines = around(normals(4000, (x, y, i) => [x + 40 * (i % 2), y]), 0.5);
  assert.equal(lines.length, 2);
  const middles = lines.map((line) => line.filter((_, i) => i % 2 === 0).reduce((sum, x) => sum + x) / (line.length / 2));
  assert.deepEqual(middles.map((x) => Math.round(x / 10)).sort(), [0, 4]);
});

test("a hole in the middle has a line around it", () => {
  const ring = normals(20_000, (x, y) => {
    const r = Math.hypot(x, y);
    return [x / r + 0.05 * x, y / r + 0.05 * y];
  });
  const lines = around(ring, 0.9);
  assert.equal(lines.length, 2);
  assert.ok(!within(lines, 0, 0));
});

test("no points, one, too few, and points in one place have no lines", () => {
  assert.equal(densityOf(new Float32Array(0)), null);
  assert.equal(densityOf(Float32Array.of(3, 4)), null);
  assert.equal(densityOf(normals(FEWEST - 1)), null);
  assert.equal(densityOf(new Float32Array(2000).fill(5)), null);
});

test("points on a line have lines around them, a cell or more away", () => {
  const xy = normals(500, (x) => [x, 2]);
  const lines = around(xy, 0.9);
  assert.ok(lines.length > 0);
  assert.ok(Math.abs(shareWithin(lines, xy) - 0.9) < 0.02);
});

test("a saddle joins its dense corners where the mean is dense, and parts them where it is not", () => {
  const saddle = (low: number): Density => ({
    values: Float64Array.of(0, 0, 0, 0, 0, 4, low, 0, 0, low, 4, 0, 0, 0, 0, 0),
    width: 4, height: 4, x: 0, y: 0, cell: 1,
  });
  assert.equal(linesAt(saddle(0), 3).length, 2);
  assert.equal(linesAt(saddle(2.5), 3).length, 1);
});

test("a million points have a grid no larger than the cells that were asked for, and all count", () => {
  const xy = normals(1_000_000, (x, y, i) => [x + 6 * (i % 4), y + 5 * (i % 3)]);
  const density = densityOf(xy)!;
  // On each side there is room for the smoothing, of two dozen cells at most.
  assert.ok(Math.max(density.width, density.height) <= 256 + 2 * 26, `${density.width} x ${density.height}`);
  const sum = density.values.reduce((all, each) => all + each);
  assert.ok(Math.abs(sum / 1_000_000 - 1) < 1e-9, String(sum));
});
