/** Which net draws which latent, and other arithmetic of calls. */

import { failure } from "../load/failing.ts";

/** Some of the latents of a call, all for one net. */
export interface Group {
  net: number;
  /** Their places in the call. */
  rows: number[];
}

/** Cuts n latents into groups of at most `most`, each for the net of its labels.
 *
 * `owners`: the net of each label, empty where there is one net for all.
 * @throws PageError where the label says which net, and is not given.
 */
export function groupsOf(
  n: number,
  labels: ArrayLike<number> | null,
  owners: number[],
  most: number,
): Group[] {
  const groups: Group[] = [];
  const open = new Map<number, Group>();
  for (let row = 0; row < n; row++) {
    const net = owners.length ? ownerOf(labels ? labels[row] : -1, owners) : 0;
    let group = open.get(net);
    if (!group || group.rows.length >= most) {
      group = { net, rows: [] };
      open.set(net, group);
      groups.push(group);
    }
    group.rows.push(row);
  }
  return groups;
}

function ownerOf(label: number, owners: number[]): number {
  const net = label >= 0 ? (owners[label] ?? -1) : -1;
  if (net < 0) {
    throw failure("fail.class");
  }
  return net;
}

/** Rows `rows` of values [n width], in that order. */
export function picked(values: Float32Array, rows: number[], width: number): Float32Array {
  const first = rows[0];
  // Rows in a row, which is the usual case, need no loop.
  if (rows[rows.length - 1] - first === rows.length - 1) {
    return values.slice(first * width, (first + rows.length) * width);
  }
  const some = new Float32Array(rows.length * width);
  rows.forEach((row, i) => some.set(values.subarray(row * width, row * width + width), i * width));
  return some;
}

/** Places [n 2] in the unit of a map -> 0..1 of its box. */
export function inUnit(xy: Float32Array, low: [number, number], high: [number, number]): Float32Array {
  return xy.map((value, i) => (value - low[i & 1]) / (high[i & 1] - low[i & 1] || 1));
}
