/** The page inside another one, such as a notebook: what is selected is told to its parent.
 *
 * Messages are objects with `latlas`: from the page "ready", "selection" (ids) and "row" (an id or
 * -1); to the page "show" with any of `selection` (ids), `row` (an id, -1 for none), `map`, `colour`.
 * Ids that the page does not carry are left out, and the parent is told what is shown instead.
 */

import { effect } from "@preact/signals";
import type { App } from "../contracts.ts";

interface Shown {
  latlas?: unknown;
  selection?: unknown;
  row?: unknown;
  map?: unknown;
  colour?: unknown;
}

/** Talks with the page around this one, where there is one. */
export function embed(app: App): void {
  if (window.parent === window) return;
  const tell = (message: Record<string, unknown>) => window.parent.postMessage(message, "*");
  let silent = true;
  effect(() => {
    const ids = Array.from(app.state.selection.value, (row) => app.columns.id(row));
    if (!silent) tell({ latlas: "selection", ids });
  });
  const pinned = (row: number) => (row < 0 ? -1 : app.columns.id(row));
  effect(() => {
    const id = pinned(app.state.pinned.value);
    if (!silent) tell({ latlas: "row", id });
  });
  silent = false;
  addEventListener("message", (event: MessageEvent<Shown>) => {
    if (event.source !== window.parent || event.data?.latlas !== "show") return;
    show(app, event.data);
    // The selection is told by being set; a row that is not shown changes nothing by itself.
    const id = pinned(app.state.pinned.peek());
    if (typeof event.data.row === "number" && event.data.row !== id) tell({ latlas: "row", id });
  });
  tell({ latlas: "ready" });
}

function show(app: App, wanted: Shown): void {
  const { state, manifest, columns } = app;
  if (Array.isArray(wanted.selection)) {
    const rows = wanted.selection.map((id) => columns.row(Number(id))).filter((row) => row >= 0);
    state.selection.value = Uint32Array.from(new Set(rows)).sort();
  }
  if (typeof wanted.row === "number") {
    const row = columns.row(wanted.row);
    if (row >= 0) app.goTo(row);
    else if (wanted.row < 0) state.pinned.value = -1;
  }
  if (manifest.maps.some((map) => map.name === wanted.map)) state.map.value = String(wanted.map);
  const colours = ["none", ...manifest.columns.map((column) => column.name)];
  if (colours.includes(String(wanted.colour))) state.colour.value = String(wanted.colour);
}
