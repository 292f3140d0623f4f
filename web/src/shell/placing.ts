/** Where a card stands beside the point that it speaks of. All figures are CSS pixels of the map. */

/** A box, from its left upper corner to its right lower one. */
export interface Box {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

/** A card's width and height, or the map's. */
export interface Size {
  width: number;
  height: number;
}

/** Where a card stands to its point: -1 left of it or above, 0 in line with it, 1 right or below. */
export type Side = readonly [across: -1 | 0 | 1, down: -1 | 0 | 1];

const AWAY = 18;
const EDGE = 8;
/** Those to the right first, as one reads. */
const SIDES: readonly Side[] = [[1, 0], [-1, 0], [1, 1], [1, -1], [-1, 1], [-1, -1], [0, 1], [0, -1]];
const OWN_COST = 40;
const BLOCKED_COST = 12;
const ORDER_COST = 0.05;

/** The left upper corner of a card on one side of a point, kept within the map. */
export function placed([x, y]: readonly [number, number], [across, down]: Side, card: Size, map: Size): [number, number] {
  const along = (at: number, side: number, size: number) =>
    side > 0 ? at + AWAY : side < 0 ? at - AWAY - size : at - size / 2;
  // Corners are level with the point, not beyond it.
  const left = along(x, across, card.width);
  const top = across === 0 || down === 0 ? along(y, down, card.height) : down > 0 ? y - AWAY : y + AWAY - card.height;
  return [kept(left, map.width - card.width), kept(top, map.height - card.height)];
}

function kept(at: number, most: number): number {
  return Math.max(Math.min(at, most - EDGE), EDGE);
}

/** Whether a card covers a point. */
export function covers([left, top]: readonly [number, number], card: Size, [x, y]: readonly [number, number]): boolean {
  return x > left - 4 && y > top - 4 && x < left + card.width + 4 && y < top + card.height + 4;
}

/** The side on which a card hides least: its own point never if it can be helped, then what else
 * lies over the map, then as few as can be of the points that it speaks of.
 */
export function bestSide(
  point: readonly [number, number],
  card: Size,
  map: Size,
  points: readonly (readonly [number, number])[],
  blocked: readonly Box[],
): Side {
  let best: Side = SIDES[0];
  let least = Infinity;
  SIDES.forEach((side, order) => {
    const corner = placed(point, side, card, map);
    let cost = ORDER_COST * order + (covers(corner, card, point) ? OWN_COST : 0);
    for (const other of points) if (covers(corner, card, other)) cost++;
    for (const box of blocked) cost += BLOCKED_COST * shared(corner, card, box);
    if (cost < least) [best, least] = [side, cost];
  });
  return best;
}

/** The share of a box that a card covers; a card within a box covers all of it. */
function shared([left, top]: readonly [number, number], card: Size, box: Box): number {
  const wide = Math.min(left + card.width, box.x1) - Math.max(left, box.x0);
  const high = Math.min(top + card.height, box.y1) - Math.max(top, box.y0);
  if (wide <= 0 || high <= 0) return 0;
  return (wide * high) / Math.min(card.width * card.height, (box.x1 - box.x0) * (box.y1 - box.y0));
}
