/** Keys of the frame, and the one listener for all of them. */

import type { Page } from "./app.ts";
import { nextTheme } from "./header.tsx";

const MARKS = ["dots", "images", "decoded"] as const;

/** Adds the keys of the frame; features add theirs when they start. */
export function addKeys({ app, frame }: Page): void {
  const { state, manifest } = app;
  const zoom = (factor: number) => app.map.setView({ scale: app.map.view.peek().scale * factor }, 150);
  app.addKey("?", "key.help", () => (frame.help.value = !frame.help.value));
  app.addKey("0", "key.fit", () => app.map.fit(undefined, 300));
  app.addKey("+", "key.zoom", () => zoom(1.4));
  app.addKey("-", "key.zoom", () => zoom(1 / 1.4));
  app.addKey("v", "key.show", () => {
    const offered = MARKS.filter((kind) => kind === "dots" || (kind === "images" ? app.pictures : app.decoder));
    state.show.value = offered[(offered.indexOf(state.show.value) + 1) % offered.length];
  });
  app.addKey("m", "key.map", () => {
    const names = manifest.maps.map((map) => map.name);
    if (names.length) state.map.value = names[(names.indexOf(state.map.value) + 1) % names.length];
  });
  if (manifest.classes.length > 1) app.addKey("p", "key.apart", () => (state.apart.value = !state.apart.value));
  if (manifest.classes.length) app.addKey("n", "key.names", () => (state.names.value = !state.names.value));
  app.addKey("d", "key.theme", () => nextTheme(state));
  app.addKey("Escape", "key.escape", () => {
    if (frame.help.value) frame.help.value = false;
    else if (state.pinned.value >= 0) state.pinned.value = -1;
    else if (state.tool.value !== "pan") state.tool.value = "pan";
    else if (state.selection.value.length) state.selection.value = new Uint32Array(0);
    else state.panel.value = "";
  });
  const step = (by: number) => {
    const { row, near } = frame.lines.value;
    if (row < 0 || !near.length) return;
    app.goTo(near[by > 0 ? 0 : near.length - 1]);
  };
  app.addKey("]", "key.next", () => step(1));
  app.addKey("[", "key.next", () => step(-1));
}

/** Listens for keys anywhere but in fields. */
export function listen({ frame }: Page): void {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.defaultPrevented || isField(event.target)) return;
    const name = event.shiftKey && event.key.length > 1 ? `Shift+${event.key}` : event.key;
    const lower = event.shiftKey && event.key.length === 1 && /[A-Z]/.test(event.key) ? `Shift+${event.key.toLowerCase()}` : "";
    const found = frame.keys.find(({ key }) => key === name || key === lower);
    if (!found) return;
    if (frame.help.value && found.key !== "Escape" && found.key !== "?") return;
    event.preventDefault();
    found.run();
  });
}

function isField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  const typed = target instanceof HTMLInputElement && !["range", "checkbox", "radio", "button"].includes(target.type);
  return typed || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}
