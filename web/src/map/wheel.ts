/** Zooming by wheel and trackpad. */

import type { MapRenderer, View } from "../contracts.ts";
import { zoomedAbout } from "./camera.ts";

/** The factor of zoom of one wheel event; above 1: nearer.
 *
 * A notch of a wheel (about 100 pixels, or 3 lines) is about 1.2; a pinch on a trackpad arrives
 * as small steps with Ctrl held, which follow the fingers.
 */
export function wheelFactor(event: Pick<WheelEvent, "deltaY" | "deltaMode" | "ctrlKey">): number {
  const unit = event.deltaMode === 1 ? 33 : event.deltaMode === 2 ? 400 : 1;
  const pixels = Math.min(Math.max(event.deltaY * unit, -300), 300);
  const fine = event.ctrlKey && Math.abs(pixels) < 50;
  return Math.exp(-pixels * (fine ? 0.011 : 0.0019));
}

/** Milliseconds over which a notch is smoothed. */
const SMOOTH = 160;

/** Turns wheel events into zooms about the cursor; notches of a wheel are smoothed. */
export class Wheel {
  private goal: View | null = null;
  private until = 0;

  constructor(private readonly map: MapRenderer) {}

  /** Zooms for one event with the cursor at a pixel. */
  turn(event: WheelEvent, x: number, y: number): void {
    const { view, size } = this.map;
    const factor = wheelFactor(event);
    // Small steps come from a trackpad, which is smooth by itself.
    const notch = Math.abs(Math.log(factor)) > 0.08;
    const going = this.goal && event.timeStamp < this.until;
    const scale = (going && notch && this.goal ? this.goal.scale : view.peek().scale) * factor;
    // Zooming the view of now to the scale of the goal keeps the cursor's place under it.
    this.goal = zoomedAbout(view.peek(), size.peek(), x, y, scale / view.peek().scale);
    this.until = event.timeStamp + SMOOTH;
    this.map.setView(this.goal, notch ? SMOOTH : 0);
  }

  /** Something else moves the view now. */
  forget(): void {
    this.goal = null;
  }
}
