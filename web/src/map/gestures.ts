/** What pointers, wheels and keys do on the map. */

import type { MapRenderer, Tool } from "../contracts.ts";
import { toMap, zoomedAbout } from "./camera.ts";
import { Hover } from "./hover.ts";
import { onKey } from "./keys.ts";
import { canvasHost } from "./host.ts";
import { Wheel } from "./wheel.ts";

/** What the page does on gestures. Pixels are CSS pixels of the stage. */
export interface GestureHandlers {
  /** The row under the resting or moving cursor changed, or the cursor moved; -1: none. */
  hover(row: number, x: number, y: number): void;
  /** The cursor has left the map, or does something else there (a drag, a tool). */
  leave(): void;
  /** A click or tap that was no drag; the row nearest to it, or -1. */
  click(row: number, x: number, y: number, event: PointerEvent): void;
  /** A double click or tap; left out, it zooms in. */
  double?(): void;
  /** The reader moved the view. */
  moved?(): void;
}

/** Within so many CSS pixels a row is meant: by a mouse or pen, and by a finger. */
export const REACH = { mouse: 14, touch: 24 } as const;

/** A press that moves further than so many CSS pixels is a drag. */
const SLACK = { mouse: 4, touch: 10 } as const;

/** Two clicks within so many milliseconds are a double click. */
const DOUBLE = 320;

/** Makes the stage listen. The tool that is chosen sees every pointer and wheel event first; when
 * its `pointer` keeps a press, it gets all of that press until the pointer goes up. Dragging with
 * the middle button, or with Space held, pans whatever the tool. Returns how to stop it.
 */
export function attachGestures(
  stage: HTMLElement,
  map: MapRenderer,
  handlers: GestureHandlers,
  currentTool: () => Tool | null | undefined = () => null,
): () => void {
  const gestures = new Gestures(stage, map, handlers, currentTool);
  return () => gestures.stop();
}

interface Finger {
  x: number;
  y: number;
}

/** One press of the first pointer, from down to up. */
interface Press {
  id: number;
  start: Finger;
  /** The place of the map that the cursor took hold of. */
  held: [number, number];
  dragged: boolean;
  /** The tool that keeps this press from panning. */
  tool: Tool | null;
}

class Gestures {
  private readonly events = new AbortController();
  private readonly host: HTMLElement;
  private readonly hover: Hover;
  private readonly wheel: Wheel;
  private readonly fingers = new Map<number, Finger>();
  private press: Press | null = null;
  private pinch: { held: [number, number]; apart: number; scale: number } | null = null;
  private last = { time: 0, x: 0, y: 0 };
  private space = false;

  constructor(
    private readonly stage: HTMLElement,
    private readonly map: MapRenderer,
    private readonly handlers: GestureHandlers,
    private readonly currentTool: () => Tool | null | undefined,
  ) {
    this.host = canvasHost(stage);
    this.hover = new Hover(map, handlers);
    this.wheel = new Wheel(map);
    stage.style.touchAction = "none";
    if (!stage.hasAttribute("tabindex")) stage.tabIndex = 0;
    this.listen("pointerdown", (event) => this.onDown(event));
    this.listen("pointermove", (event) => this.onMove(event));
    this.listen("pointerup", (event) => this.onUp(event));
    this.listen("pointercancel", (event) => this.onCancel(event));
    this.listen("pointerleave", (event) => this.onLeave(event));
    this.listen("wheel", (event) => this.onWheel(event));
    this.listen("keydown", (event) => this.onKeyDown(event));
    this.listen("keyup", (event) => {
      if (event.key === " ") this.space = false;
    });
    this.listen("blur", () => {
      this.space = false;
    });
  }

  private listen<K extends keyof HTMLElementEventMap>(
    name: K,
    run: (event: HTMLElementEventMap[K]) => void,
  ): void {
    this.stage.addEventListener(name, run, { signal: this.events.signal, passive: false });
  }

  stop(): void {
    this.events.abort();
    this.hover.stop();
  }

  /** Whether an event is on the map itself and not on something that lies over it. */
  private ours(event: Event): boolean {
    const { target } = event;
    return target === this.stage || (target instanceof Node && this.host.contains(target));
  }

  private at(event: PointerEvent | WheelEvent): Finger {
    const box = this.stage.getBoundingClientRect();
    return {
      x: event.clientX - box.left - this.stage.clientLeft,
      y: event.clientY - box.top - this.stage.clientTop,
    };
  }

  private tell(event: PointerEvent, tool = this.currentTool()): boolean {
    const { x, y } = this.at(event);
    return tool?.pointer?.(event, x, y) === true;
  }

  private onDown(event: PointerEvent): void {
    if (!this.ours(event)) return;
    if (event.button > 1) return;
    this.stage.focus({ preventScroll: true });
    this.wheel.forget();
    const at = this.at(event);
    this.fingers.set(event.pointerId, at);
    this.stage.setPointerCapture(event.pointerId);
    if (this.fingers.size === 2) return this.startPinch(event);
    if (this.fingers.size > 2) return;
    // A middle press would scroll the page by itself.
    if (event.button === 1) event.preventDefault();
    const tool = event.button === 1 || this.space ? null : (this.currentTool() ?? null);
    this.press = {
      id: event.pointerId,
      start: at,
      held: this.map.toMap(at.x, at.y),
      dragged: false,
      tool: tool && this.tell(event, tool) ? tool : null,
    };
    if (this.press.tool) this.hover.leave();
    else this.map.setView({});
  }

  private onMove(event: PointerEvent): void {
    const at = this.at(event);
    if (!this.fingers.has(event.pointerId)) {
      this.showCursor();
      if (!this.ours(event)) return this.hover.leave();
      if (this.tell(event)) this.hover.leave();
      else this.hover.move(at.x, at.y, REACH.mouse);
      return;
    }
    this.fingers.set(event.pointerId, at);
    if (this.pinch) return this.movePinch();
    if (this.press?.id === event.pointerId) this.drag(this.press, event, at);
  }

  private drag(press: Press, event: PointerEvent, at: Finger): void {
    if (press.tool) {
      this.tell(event, press.tool);
      return;
    }
    const slack = event.pointerType === "touch" ? SLACK.touch : SLACK.mouse;
    if (!press.dragged && Math.hypot(at.x - press.start.x, at.y - press.start.y) <= slack) return;
    if (!press.dragged) {
      press.dragged = true;
      this.hover.leave();
      this.showCursor();
    }
    this.hold(press.held, at, this.map.view.peek().scale);
  }

  /** Shows the cursor of the tool, or of a hand that has hold of the map. */
  private showCursor(): void {
    const held = this.press?.dragged && !this.press.tool;
    const cursor = held ? "grabbing" : (this.currentTool()?.cursor ?? "");
    if (this.stage.style.cursor !== cursor) this.stage.style.cursor = cursor;
  }

  /** Moves the view so that a place of the map lies under a pixel. */
  private hold(place: [number, number], at: Finger, scale: number): void {
    const [x, y] = toMap({ x: 0, y: 0, scale }, this.map.size.peek(), at.x, at.y);
    this.map.setView({ x: place[0] - x, y: place[1] - y, scale });
    this.handlers.moved?.();
  }

  private onUp(event: PointerEvent): void {
    const { press } = this;
    if (!this.fingers.delete(event.pointerId)) return;
    if (this.pinch) return this.endPinch();
    if (press?.id !== event.pointerId) return;
    this.press = null;
    this.showCursor();
    const at = this.at(event);
    if (press.tool) this.tell(event, press.tool);
    else if (!press.dragged && event.button === 0) this.click(event, at);
    if (event.pointerType !== "touch") this.hover.move(at.x, at.y, REACH.mouse);
  }

  private click(event: PointerEvent, at: Finger): void {
    const again = event.timeStamp - this.last.time < DOUBLE;
    const near = Math.hypot(at.x - this.last.x, at.y - this.last.y) < 2 * SLACK.touch;
    if (again && near) {
      this.last.time = 0;
      if (this.handlers.double) this.handlers.double();
      else this.zoom(2.5, at);
      return;
    }
    this.last = { time: event.timeStamp, ...at };
    const reach = event.pointerType === "touch" ? REACH.touch : REACH.mouse;
    this.handlers.click(this.map.pick(at.x, at.y, reach), at.x, at.y, event);
  }

  private zoom(factor: number, at: Finger): void {
    const { view, size } = this.map;
    this.map.setView(zoomedAbout(view.peek(), size.peek(), at.x, at.y, factor), 300);
    this.handlers.moved?.();
  }

  private onCancel(event: PointerEvent): void {
    this.fingers.delete(event.pointerId);
    if (this.press?.id === event.pointerId) {
      if (this.press.tool) this.tell(event, this.press.tool);
      this.press = null;
      this.showCursor();
    }
    if (this.pinch) this.endPinch();
    this.hover.leave();
  }

  private onLeave(event: PointerEvent): void {
    if (this.fingers.has(event.pointerId)) return;
    this.tell(event);
    this.hover.leave();
  }

  /** Two fingers: the places under them stay under them. */
  private startPinch(event: PointerEvent): void {
    if (this.press?.tool) {
      // The tool had taken this for a stroke; it is to forget it.
      const cancel = new PointerEvent("pointercancel", {
        pointerId: this.press.id,
        pointerType: event.pointerType,
      });
      this.press.tool.pointer?.(cancel, this.press.start.x, this.press.start.y);
    }
    this.press = null;
    this.hover.leave();
    const [middle, apart] = this.between();
    const held = this.map.toMap(middle.x, middle.y);
    this.pinch = { held, apart, scale: this.map.view.peek().scale };
  }

  private between(): [Finger, number] {
    const [a, b] = [...this.fingers.values()];
    const apart = Math.max(Math.hypot(a.x - b.x, a.y - b.y), 1);
    return [{ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }, apart];
  }

  private movePinch(): void {
    if (!this.pinch || this.fingers.size < 2) return;
    const [middle, apart] = this.between();
    this.hold(this.pinch.held, middle, (this.pinch.scale * apart) / this.pinch.apart);
  }

  /** The finger that stays goes on panning. */
  private endPinch(): void {
    const [left] = this.fingers;
    if (this.fingers.size > 1) return;
    this.pinch = null;
    if (!left) return;
    const [id, at] = left;
    const held = this.map.toMap(at.x, at.y);
    this.press = { id, start: at, held, dragged: true, tool: null };
  }

  private onWheel(event: WheelEvent): void {
    if (!this.ours(event)) return;
    const at = this.at(event);
    // Also a pinch on a trackpad, which would zoom the whole page.
    event.preventDefault();
    if (this.currentTool()?.wheel?.(event, at.x, at.y) === true) return;
    this.wheel.turn(event, at.x, at.y);
    if (this.press) this.press.held = this.map.toMap(at.x, at.y);
    this.handlers.moved?.();
  }

  private onKeyDown(event: KeyboardEvent): void {
    if (event.target !== this.stage) return;
    if (event.key === " ") {
      this.space = true;
      event.preventDefault();
    }
    if (onKey(event, this.map)) this.handlers.moved?.();
  }
}
