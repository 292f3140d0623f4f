/** How far from anything real a latent is, for the page to veil what the decoder invents. */

/** The quantile of held-out distances up to which a place counts as usual. */
const USUAL = 0.95;

/** 0 (clear) .. 1 (nothing real near) for the distance to the nearest training latent.
 *
 * `quantiles` are those of the same distance of latents that were held out, from 0 to 100%, evenly
 * spaced. Up to the 95% quantile the place is as near to real ones as real ones are to each other:
 * 0. From the last on nothing real was ever so far away: 1. Between them the fog grows evenly.
 * Without quantiles, or where the distance is not known, nothing is veiled.
 */
export function fogAt(distance: number, quantiles: ArrayLike<number>): number {
  const last = quantiles.length - 1;
  if (last < 0 || Number.isNaN(distance)) return 0;
  const usual = quantile(quantiles, USUAL);
  if (distance <= usual) return 0;
  const width = quantiles[last] - usual;
  return width > 0 ? Math.min(1, (distance - usual) / width) : 1;
}

function quantile(quantiles: ArrayLike<number>, share: number): number {
  const place = share * (quantiles.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, quantiles.length - 1);
  return quantiles[below] + (place - below) * (quantiles[above] - quantiles[below]);
}
