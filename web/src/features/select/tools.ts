/** Lasso and box: what is drawn on the map while dragging, and what becomes of it. */

import type { App, Layer, Tool } from "../../contracts.ts";
import { valuesOf } from "../../parts/columns.ts";
import { asSet, combine, toggled, type Mode } from "./sets.ts";

const PICK = 14;
/** CSS pixels: less is a click. */
const DRAG = 4;
/** CSS pixels between two corners of the polygon. */
const STEP = 3;
/** CSS pixels of the window from which on there is room for the map and a panel. */
const WIDE = 900;

const ICONS = {
  lasso: "M12 4c4.7 0 8.5 2.5 8.5 5.7s-3.8 5.7-8.5 5.7-8.5-2.5-8.5-5.7S7.3 4 12 4M8.5 15c-2.8.7-3.6 2.6-1.7 3.6 1.3.7 1.3 1.7.4 2.4",
  box: "M4 8V4h4M11 4h2M16 4h4v4M20 11v2M20 16v4h-4M13 20h-2M8 20H4v-4M4 13v-2",
};

type Shape = keyof typeof ICONS;

/** Whether a tool is one that draws around images. */
export function isShape(tool: string): boolean {
  return Object.hasOwn(ICONS, tool);
}

/** The gesture in progress: corners in canvas pixels, [x, y, x, y, ...]. */
interface Drag {
  shape: Shape;
  mode: Mode;
  points: number[];
  moved: boolean;
}

/** Which way a gesture changes the selection: Shift adds, Alt takes away. */
export function modeOf(event: { shiftKey: boolean; altKey: boolean }): Mode {
  return event.altKey ? "subtract" : event.shiftKey ? "add" : "replace";
}

/** The corners of the box between the first and the last point of a drag, as a polygon. */
export function boxOf(points: number[]): number[] {
  const [x0, y0] = points;
  const [x1, y1] = points.slice(-2);
  return [x0, y0, x1, y0, x1, y1, x0, y1];
}

/** Gives a map its selecting gestures. Returns how to take them away from the keyboard. */
export function addTools(app: App): () => void {
  let drag: Drag | null = null;

  function polygon(): number[] {
    return drag!.shape === "box" ? boxOf(drag!.points) : drag!.points;
  }

  function begin(shape: Shape, event: PointerEvent, x: number, y: number): void {
    drag = { shape, mode: modeOf(event), points: [x, y], moved: false };
  }

  function move(x: number, y: number): void {
    const { points } = drag!;
    const [x0, y0] = points.slice(-2);
    if (Math.hypot(x - x0, y - y0) < STEP) return;
    if (drag!.shape === "box" && points.length > 2) points.splice(2);
    points.push(x, y);
    drag!.moved ||= Math.hypot(x - points[0], y - points[1]) >= DRAG || points.length > 4;
    app.map.redraw();
  }

  function end(): void {
    const done = drag!;
    const corners = polygon();
    drag = null;
    app.map.redraw();
    if (done.moved) void commit(app, app.map.inside(corners), done.mode);
    else click(app, done.points[0], done.points[1], done.mode);
  }

  function cancel(): void {
    drag = null;
    app.map.redraw();
  }

  function follow(shape: Shape, event: PointerEvent, x: number, y: number): boolean {
    if (event.type === "pointerdown") {
      if (event.button !== 0) return false;
      begin(shape, event, x, y);
    } else if (!drag) return false;
    else if (event.type === "pointermove") move(x, y);
    else if (event.type === "pointerup") end();
    else if (event.type === "pointercancel") cancel();
    return true;
  }

  const layer: Layer = {
    id: "select-shape",
    depth: 50,
    draw(context) {
      if (drag?.moved) drawShape(context, app.stage, polygon(), drag.mode);
    },
  };
  const tool = (shape: Shape): Tool => ({
    id: shape,
    title: `select.${shape}`,
    icon: ICONS[shape],
    cursor: "crosshair",
    pointer: (event, x, y) => follow(shape, event, x, y),
  });
  app.addLayer(layer);
  app.addTool(tool("lasso"));
  app.addTool(tool("box"));
  // While the map is moved, Shift still selects: a click one point, a drag a lasso.
  app.addTool({
    id: "pan",
    cursor: "default",
    pointer(event, x, y) {
      if (event.type === "pointerdown" && !event.shiftKey) return false;
      return follow("lasso", event, x, y);
    },
  });
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !drag) return;
    event.stopPropagation();
    cancel();
  };
  window.addEventListener("keydown", onKey, true);
  return () => window.removeEventListener("keydown", onKey, true);
}

function drawShape(context: CanvasRenderingContext2D, stage: HTMLElement, corners: number[], mode: Mode): void {
  const look = getComputedStyle(stage);
  const colour = look.getPropertyValue("--accent").trim() || "#3b6fe0";
  context.save();
  context.beginPath();
  for (let i = 0; i < corners.length; i += 2) context.lineTo(corners[i], corners[i + 1]);
  context.closePath();
  context.fillStyle = context.strokeStyle = colour;
  context.globalAlpha = 0.14;
  context.fill("evenodd");
  context.globalAlpha = 1;
  context.lineWidth = 1.5;
  context.setLineDash(mode === "subtract" ? [3, 4] : []);
  context.stroke();
  const sign = { replace: "", add: "+", subtract: "−" }[mode];
  context.font = "600 16px sans-serif";
  if (sign) context.fillText(sign, corners[0] + 8, corners[1] - 8);
  context.restore();
}

/** A click with a selecting tool: on a point it is that point, on nothing it lets go. */
function click(app: App, x: number, y: number, mode: Mode): void {
  const row = app.map.pick(x, y, PICK);
  const { selection, pinned } = app.state;
  if (row < 0) {
    if (mode === "replace") selection.value = new Uint32Array(0);
  } else if (mode === "replace") pinned.value = row;
  else if (mode === "add") choose(app, toggled(selection.value, row));
  else choose(app, combine(selection.value, Uint32Array.of(row), "subtract"));
}

async function commit(app: App, drawn: Uint32Array, mode: Mode): Promise<void> {
  const rows = await shownOf(app, asSet(drawn));
  const { selection, panel } = app.state;
  choose(app, combine(selection.value, rows, mode));
  if (selection.value.length && !panel.value && window.innerWidth >= WIDE) panel.value = "select";
}

/** Makes rows the selection, and says how many they are. */
export function choose(app: App, rows: Uint32Array): void {
  app.state.selection.value = rows;
  const total = app.columns.rows.toLocaleString();
  app.say(app.t("select.said", { count: rows.length.toLocaleString(), total }));
}

/** The rows whose class is not switched off in the legend. */
export async function shownOf(app: App, rows: Uint32Array): Promise<Uint32Array> {
  const hidden = app.state.hidden.value;
  const name = app.state.colour.value;
  const column = app.manifest.columns.find((each) => each.name === name);
  if (!hidden.size || column?.kind !== "class") return rows;
  const values = await valuesOf(app, name);
  return rows.filter((row) => !hidden.has(values[row]));
}
