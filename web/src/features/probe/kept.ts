/** The pinned vector in the address: its place on the map, where a link pins one again. */

import { effect, signal, untracked } from "@preact/signals";
import type { App, Probe } from "../../contracts.ts";
import { isNear } from "../../map/camera.ts";
import { wayNow } from "../../parts/latentAt.ts";
import { probeAt } from "./live.ts";

/** A place of the map; one with an id is counted from the place of that image. */
export interface Place {
  x: number;
  y: number;
  id?: number;
}

/** A place as the address has it: `x_y` or `x_y_id`. */
export function writePlace({ x, y, id }: Place): string {
  return [x, y].map((value) => String(Number(value.toPrecision(7)))).concat(id === undefined ? [] : String(id)).join("_");
}

/** The place that `writePlace` wrote.
 * @throws RangeError for anything else.
 */
export function readPlace(text: string): Place {
  const parts = text.split("_");
  const [x, y, id] = parts.map((part) => (part.trim() ? Number(part) : NaN));
  const named = parts.length === 3;
  if (!Number.isFinite(x) || !Number.isFinite(y) || parts.length > 3 || (named && !Number.isInteger(id))) {
    throw new RangeError(text);
  }
  return named ? { x, y, id } : { x, y };
}

/** Pins what a link has pinned, by the way that the map is shown by, and keeps the address up. */
export function keepPinned(app: App, failed: (error: unknown) => void): void {
  const { state } = app;
  const kept = signal("");
  app.keepInUrl("probe", kept, (text) => text, (text) => (text && readPlace(text) ? text : ""));
  const wanted = kept.peek();
  let waits = wanted !== "";
  let pinned: { probe: Probe | null; apart: boolean; text: string } | null = null;
  effect(() => {
    const [probe, apart] = [state.probe.value, state.apart.value];
    if (waits && !probe) return;
    waits = false;
    // Classes that fly apart take the map's places with them, and leave the vector's behind.
    if (pinned?.probe !== probe) pinned = { probe, apart, text: untracked(() => textOf(app, probe)) };
    kept.value = apart === pinned?.apart ? pinned.text : "";
  });
  if (!waits) return;
  // The panels of classes are laid out once more when the features have started.
  setTimeout(() => {
    restored(app, readPlace(wanted)).then((probe) => {
      if (!waits) return;
      waits = false;
      if (probe) state.probe.value = probe;
      else kept.value = "";
    }, failed);
  });
}

/** Panels lie elsewhere in a window of another shape, so a place in one is told by the image there. */
function textOf(app: App, probe: Probe | null): string {
  if (!probe || !Number.isFinite(probe.x) || !Number.isFinite(probe.y)) return "";
  if (!app.state.apart.peek()) return writePlace(probe);
  // A panel is one unit wide.
  const row = app.map.pick(...app.map.toScreen(probe.x, probe.y), app.map.view.peek().scale);
  if (row < 0) return "";
  const [x, y] = [probe.x - app.map.places[2 * row], probe.y - app.map.places[2 * row + 1]];
  return writePlace({ x, y, id: app.columns.id(row) });
}

async function restored(app: App, { x, y, id }: Place): Promise<Probe | null> {
  const { places } = app.map;
  const apart = app.state.apart.peek();
  if (apart !== (id !== undefined)) return null;
  const row = id === undefined ? -1 : app.columns.row(id);
  if (apart && (row < 0 || !(Math.hypot(x, y) < 1))) return null;
  const at = apart ? { x: places[2 * row] + x, y: places[2 * row + 1] + y } : { x, y };
  return isNear(at, places) ? probeAt(app, at.x, at.y, wayNow(app), "link") : null;
}
