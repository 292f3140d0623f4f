/** How keys move through a grid of cells. */

/** Where a key leads from a cell, or -1 if the key is for something else. */
export function step(
  key: string,
  from: number,
  count: number,
  columns: number,
  linesInSight: number,
): number {
  const page = columns * Math.max(1, linesInSight - 1);
  const moves: Record<string, number> = {
    ArrowDown: from + columns,
    ArrowUp: from - columns,
    ArrowRight: from + 1,
    ArrowLeft: from - 1,
    PageDown: from + page,
    PageUp: from - page,
    Home: 0,
    End: count - 1,
  };
  if (!(key in moves) || !count) return -1;
  return Math.max(0, Math.min(count - 1, moves[key]));
}
