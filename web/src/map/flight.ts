/** One movement over time. */

/** Calls `step` with the eased share of the way, 0..1, until it arrives or is called off. */
export class Flight {
  private start = -1;
  private over = false;

  constructor(
    private readonly milliseconds: number,
    private readonly ease: (t: number) => number,
    private readonly step: (share: number) => void,
    private readonly done: () => void = () => {},
  ) {}

  /** Moves on to a time; true while there is more to come. Time starts with the first call, so
   * that a slow frame before it does not swallow the beginning. */
  tick(now: number): boolean {
    if (this.over) return false;
    if (this.start < 0) this.start = now;
    const t = Math.min((now - this.start) / this.milliseconds, 1);
    this.step(t >= 1 ? 1 : this.ease(t));
    if (t >= 1) this.stop();
    return !this.over;
  }

  /** Calls it off where it is. */
  stop(): void {
    if (this.over) return;
    this.over = true;
    this.done();
  }
}

/** Milliseconds that a movement is to take: none for readers who asked for less motion. */
export function duration(milliseconds: number | undefined): number {
  if (!milliseconds || !(milliseconds > 0)) return 0;
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : milliseconds;
}
