/** Picking the ends on the map: while the panel asks for one, a click on a point sets it. */

import { effect } from "@preact/signals";
import type { App } from "../../contracts.ts";
import { OWNER, setEnd, storeOf } from "./store.ts";

const RADIUS = 14;
/** Pixels that a pointer may wander between down and up and still mean a click. */
const STILL = 6;

/** One press, from down to up. */
interface Press {
  x: number;
  y: number;
  /** The place of the map that the pointer took hold of. */
  held: [number, number];
  dragged: boolean;
}

/** A drag moves the map as ever, so that an end can be looked for. */
function drag(app: App, press: Press, x: number, y: number): true {
  const [mapX, mapY] = app.map.toMap(x, y);
  const view = app.map.view.peek();
  app.map.setView({ x: view.x + press.held[0] - mapX, y: view.y + press.held[1] - mapY });
  return true;
}

/** Adds the tool, and chooses it while an end is asked for. */
export function addPicking(app: App): void {
  const store = storeOf(app);
  let down: Press | null = null;
  app.addTool({
    id: OWNER,
    cursor: "crosshair",
    pointer(event, x, y) {
      const side = store.picking.peek();
      if (!side) return false;
      if (event.type === "pointerdown") {
        down = { x, y, held: app.map.toMap(x, y), dragged: false };
        return true;
      }
      if (!down) return false;
      down.dragged ||= Math.hypot(x - down.x, y - down.y) > STILL;
      if (event.type === "pointermove") return down.dragged && drag(app, down, x, y);
      const click = event.type === "pointerup" && !down.dragged;
      down = null;
      if (!click) return true;
      const row = app.map.pick(x, y, RADIUS);
      if (row < 0) app.say(app.t("walk.pick.miss"));
      else {
        setEnd(app, side, { kind: "row", row });
        if (side === "start" && !store.end.peek()) store.picking.value = "end";
      }
      return true;
    },
  });
  effect(() => {
    const { tool, panel } = app.state;
    const asked = store.picking.value !== null && panel.value === OWNER;
    if (asked && tool.peek() !== OWNER) tool.value = OWNER;
    if (!asked && tool.peek() === OWNER) tool.value = "pan";
  });
  effect(() => {
    // With nothing chosen yet, the first clicks on the map are the ends.
    const nothing = store.start.peek() === null && store.end.peek() === null;
    if (app.state.panel.value === OWNER && nothing) store.picking.value = "start";
  });
  effect(() => {
    // Another tool was chosen, or Escape was pressed.
    if (app.state.tool.value !== OWNER) store.picking.value = null;
  });
}
