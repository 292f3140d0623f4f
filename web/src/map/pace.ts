/** Keeps a moving map fluent: how many of the rows are drawn while it moves. */

/** Milliseconds that one frame may take. */
const BUDGET = 30;

/** Rows that are drawn at the least. */
const LEAST = 25_000;

/** Milliseconds after the last movement until everything is drawn again, at the least. */
const REST = 160;

/** Measures what rows cost and says what share of them to draw while the map moves.
 *
 * Rows are drawn in a shuffled order, so any share is a fair sample; as soon as the map rests,
 * `rest` is called, which is to draw all of them.
 */
export class Pace {
  private rate = Infinity;
  private frames = 0;
  private timer = 0;

  constructor(private readonly rest: () => void) {}

  /** The share of `rows` to draw in the next frame of a movement, 0..1. */
  share(rows: number): number {
    this.stop();
    const affordable = Math.max(this.rate * BUDGET, LEAST);
    return affordable >= 0.85 * rows ? 1 : affordable / rows;
  }

  /** Whether the next frame of a movement is to be timed. Timing waits for the graphics card: at
   * times where it keeps up, always where it does not, so that no frames queue up. */
  wanted(share: number): boolean {
    return share < 1 || this.frames++ % 5 === 0;
  }

  /** Takes down that a share of so many rows took so many milliseconds. */
  took(rows: number, share: number, milliseconds: number): void {
    const rate = (rows * share) / Math.max(milliseconds, 0.1);
    this.rate = Number.isFinite(this.rate) ? 0.5 * this.rate + 0.5 * rate : rate;
    if (share >= 1) return;
    const wait = Math.max(REST, 3 * milliseconds);
    this.timer = setTimeout(this.rest, wait) as unknown as number;
  }

  /** Forgets the rest that was to come. */
  stop(): void {
    clearTimeout(this.timer);
  }
}
