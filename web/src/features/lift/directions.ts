/** The eight latent vectors around one: there and back along four directions. */

/** Directions of the ring. */
export const DIRECTIONS = 4;
/** Least and greatest distance, and where the ring opens, in spreads of the data. */
export const NEAREST_STEP = 0.25;
export const FARTHEST_STEP = 6;
export const FIRST_STEP = 2.5;

/** Latents float32 [2 m D]: z + t s_k a_k for k = 0..m-1, then z - t s_k a_k.
 *
 * @param z latent [D].
 * @param axes orthonormal [m D].
 * @param spread [m], the spread s of the data along each axis.
 * @param distance t, in spreads.
 */
export function aroundOf(
  z: Float32Array,
  axes: Float32Array,
  spread: Float32Array,
  distance: number,
): Float32Array {
  const D = z.length;
  const m = spread.length;
  const out = new Float32Array(2 * m * D);
  for (let way = 0; way < 2 * m; way++) {
    const k = way % m;
    const step = (way < m ? 1 : -1) * distance * spread[k];
    for (let d = 0; d < D; d++) out[way * D + d] = z[d] + step * axes[k * D + d];
  }
  return out;
}

/** Where the picture of a way lies around the middle, in units of the radius, y downwards:
 * the two ways of a direction face each other; the first points up. */
export function placeOf(way: number, ways: number): [number, number] {
  const angle = (2 * Math.PI * way) / ways - Math.PI / 2;
  return [Math.cos(angle), Math.sin(angle)];
}

/** The next distance after a turn of the wheel or a key: `turns` steps of a tenth, within
 * NEAREST_STEP..FARTHEST_STEP. */
export function stepped(distance: number, turns: number): number {
  return Math.min(FARTHEST_STEP, Math.max(NEAREST_STEP, distance * 1.1 ** turns));
}
