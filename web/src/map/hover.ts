/** The row under the cursor: at once when the cursor moves, once a frame when the map does. */

import type { MapRenderer, View } from "../contracts.ts";

/** Who is told. */
export interface HoverHandlers {
  hover(row: number, x: number, y: number): void;
  leave(): void;
}

/** Follows the cursor; also when the map moves under it. */
export class Hover {
  private at: { x: number; y: number; reach: number } | null = null;
  private frame = 0;
  private seen: View | null = null;
  private readonly unlisten: () => void;

  constructor(
    private readonly map: MapRenderer,
    private readonly handlers: HoverHandlers,
  ) {
    this.unlisten = map.onDraw(() => {
      if (this.at && this.seen !== map.view.peek()) this.ask();
    });
  }

  /** The cursor is at a pixel; rows within `reach` CSS pixels of it are meant. */
  move(x: number, y: number, reach: number): void {
    this.at = { x, y, reach };
    // Browsers send moves once a frame already; waiting for the next one would add its length.
    this.tell();
  }

  /** The cursor is gone, or busy. */
  leave(): void {
    if (!this.at) return;
    this.at = null;
    this.handlers.leave();
  }

  private ask(): void {
    this.frame ||= requestAnimationFrame(() => this.tell());
  }

  private tell(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    if (!this.at) return;
    this.seen = this.map.view.peek();
    const { x, y, reach } = this.at;
    this.handlers.hover(this.map.pick(x, y, reach), x, y);
  }

  stop(): void {
    cancelAnimationFrame(this.frame);
    this.unlisten();
    this.at = null;
  }
}
