/** The pinned vector in the address: its place on the map where that leads to it, else the vector
 * itself. */

import { effect, signal, untracked } from "@preact/signals";
import type { App, Probe } from "../../contracts.ts";
import { isNear } from "../../map/camera.ts";
import { landing } from "../../parts/landing.ts";
import { wayNow } from "../../parts/latentAt.ts";
import { probeAt } from "./live.ts";
import { comesFromPlace } from "./origin.ts";
import { isVector, readVector, writeVector, type Told } from "./vector.ts";

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
  app.keepInUrl("probe", kept, (text) => text, (text) => {
    if (isVector(text)) readVector(app.manifest, text);
    else if (text) readPlace(text);
    return text;
  });
  const wanted = kept.peek();
  let waits = wanted !== "";
  let placed: { probe: Probe; text: string } | null = null;
  effect(() => {
    const probe = state.probe.value;
    if (waits && !probe) return;
    waits = false;
    const fromPlace = probe !== null && comesFromPlace(app, probe);
    // Later the points may be on their way to other places.
    if (fromPlace && placed?.probe !== probe) placed = { probe, text: untracked(() => textOf(app, probe)) };
    if (!probe) kept.value = "";
    else kept.value = (fromPlace && placed?.text) || writeVector(app.manifest, probe);
  });
  if (!waits) return;
  // The panels of classes are laid out once more when the features have started.
  setTimeout(() => {
    restored(app, wanted).then((probe) => {
      if (!waits) return;
      waits = false;
      if (probe) state.probe.value = probe;
      else kept.value = "";
    }, failed);
  });
}

/** Panels lie elsewhere in a window of another shape, so a place in one is told by the image there. */
function textOf(app: App, probe: Probe): string {
  if (!Number.isFinite(probe.x) || !Number.isFinite(probe.y)) return "";
  if (!app.state.apart.peek()) return writePlace(probe);
  // A panel is one unit wide.
  const row = app.map.pick(...app.map.toScreen(probe.x, probe.y), app.map.view.peek().scale);
  if (row < 0) return "";
  const [x, y] = [probe.x - app.map.places[2 * row], probe.y - app.map.places[2 * row + 1]];
  return writePlace({ x, y, id: app.columns.id(row) });
}

function restored(app: App, text: string): Promise<Probe | null> {
  return isVector(text) ? landed(app, readVector(app.manifest, text)) : placedAt(app, readPlace(text));
}

async function landed(app: App, { z, label }: Told): Promise<Probe> {
  // A file without the latents does not know the place, and shows the picture all the same.
  const [x, y] = await landing(app, z, [label]).catch(() => [NaN, NaN]);
  return { z, label, x, y };
}

async function placedAt(app: App, { x, y, id }: Place): Promise<Probe | null> {
  const { places } = app.map;
  const apart = app.state.apart.peek();
  if (apart !== (id !== undefined)) return null;
  const row = id === undefined ? -1 : app.columns.row(id);
  if (apart && (row < 0 || !(Math.hypot(x, y) < 1))) return null;
  const at = apart ? { x: places[2 * row] + x, y: places[2 * row + 1] + y } : { x, y };
  return isNear(at, places) ? probeAt(app, at.x, at.y, wayNow(app), "link") : null;
}
