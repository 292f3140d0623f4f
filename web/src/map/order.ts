/** The order in which rows are drawn: shuffled once, so that no class always hides the others. */

/** The colour index of a row that is not drawn. */
export const HIDDEN = 65535;

/** Rows 0..n-1 in a fixed random order, uint32 [n]: the same for the same n.
 * Fisher and Yates with the generator mulberry32.
 */
export function shuffled(n: number, seed = 20261125): Uint32Array {
  const order = new Uint32Array(n);
  let state = seed >>> 0;
  for (let i = 0; i < n; i++) {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    const j = Math.floor((((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32) * (i + 1));
    order[i] = order[j];
    order[j] = i;
  }
  return order;
}

/** Rows to draw, in order: the grey of context first, then all others. */
export interface DrawOrder {
  /** uint32 [M]; rows that are not drawn are left out. */
  rows: Uint32Array;
  /** How many of them, from the start, are context (colour index 0). */
  context: number;
}

/** Sorts rows of colour index uint16 [N] into context and the rest, each in shuffled order. */
export function drawOrder(index: Uint16Array, order: Uint32Array): DrawOrder {
  let context = 0;
  let shown = 0;
  for (let i = 0; i < order.length; i++) {
    const colour = index[order[i]];
    if (colour === 0) context++;
    else if (colour !== HIDDEN && colour !== undefined) shown++;
  }
  const rows = new Uint32Array(context + shown);
  let [grey, other] = [0, context];
  for (let i = 0; i < order.length; i++) {
    const colour = index[order[i]];
    if (colour === 0) rows[grey++] = order[i];
    else if (colour !== HIDDEN && colour !== undefined) rows[other++] = order[i];
  }
  return { rows, context };
}
