/** The rows nearest to a set of rows. */

import type { Near } from "../../contracts.ts";

/** Asks for the k rows nearest to a latent vector, the nearest first, but for rows left out. */
export type Ask = (z: Float32Array, k: number, without?: Uint32Array) => Promise<Near>;

/** Up to so many rows are asked for with the members among them; a server gives no more, and then
 * it is told whom to leave out. To tell it each time would send the whole selection with each. */
const MOST_ASKED = 1000;

/** The mean float32 [D] of latents float32 [n D]. */
export function meanOf(z: Float32Array, dim: number): Float32Array {
  const sum = new Float64Array(dim);
  for (let i = 0; i < z.length; i++) sum[i % dim] += z[i];
  return Float32Array.from(sum, (value) => value / (z.length / dim));
}

/** The k rows outside `members` that are nearest to one vector [D]. */
export async function nearestToOne(
  ask: Ask,
  z: Float32Array,
  k: number,
  members: ReadonlySet<number>,
  rows: number,
): Promise<Near> {
  for (let wanted = Math.min(rows, 2 * k + 8); ; wanted = Math.min(rows, wanted * 4)) {
    if (wanted > MOST_ASKED) return ask(z, k, Uint32Array.from(members));
    const found = await ask(z, wanted);
    const kept = outside(found, members);
    if (kept.length >= k || wanted >= rows || found.rows.length < wanted) return asNear(kept.slice(0, k));
  }
}

/** The k rows outside `members` whose distance to the nearest member is least.
 *
 * Each member z_i [D] is asked for its m nearest; rows that it did not name are no nearer than its
 * last, r_i. So the k best of all answers are right once every r_i is at least the k-th of them;
 * members that fall short are asked again for more, at last for the k nearest rows outside.
 * `onProgress` gets 0..1; `stopped` ends it.
 */
export async function nearestToAny(
  ask: Ask,
  z: Float32Array,
  dim: number,
  k: number,
  members: ReadonlySet<number>,
  rows: number,
  onProgress?: (done: number) => void,
  stopped?: () => boolean,
): Promise<Near | null> {
  const best = new Map<number, number>();
  let open = Array.from({ length: z.length / dim }, (_, i) => i);
  for (let wanted = Math.min(rows, 2 * k + 8); ; wanted = Math.min(rows, wanted * 4)) {
    const reach = new Map<number, number>();
    const without = wanted > MOST_ASKED ? Uint32Array.from(members) : undefined;
    for (const [done, i] of open.entries()) {
      if (stopped?.()) return null;
      const found = await ask(z.subarray(i * dim, (i + 1) * dim), without ? k : wanted, without);
      for (const [row, distance] of outside(found, members)) {
        if (distance < (best.get(row) ?? Infinity)) best.set(row, distance);
      }
      const all = without || wanted >= rows || found.rows.length < wanted;
      reach.set(i, all ? Infinity : found.distances[found.distances.length - 1]);
      onProgress?.((done + 1) / open.length);
    }
    const ranked = [...best].sort((a, b) => a[1] - b[1] || a[0] - b[0]).slice(0, k);
    const last = ranked.length < k ? Infinity : ranked[k - 1][1];
    open = open.filter((i) => reach.get(i)! < last);
    if (!open.length) return asNear(ranked);
  }
}

function outside(found: Near, members: ReadonlySet<number>): [number, number][] {
  const kept: [number, number][] = [];
  found.rows.forEach((row, i) => {
    if (!members.has(row)) kept.push([row, found.distances[i]]);
  });
  return kept;
}

function asNear(pairs: [number, number][]): Near {
  return {
    rows: Uint32Array.from(pairs, (pair) => pair[0]),
    distances: Float32Array.from(pairs, (pair) => pair[1]),
  };
}

/** At most `most` of the rows, evenly spread over them. */
export function thinned(rows: Uint32Array, most: number): Uint32Array {
  if (rows.length <= most) return rows;
  return Uint32Array.from({ length: most }, (_, i) => rows[Math.floor((i * rows.length) / most)]);
}
