/** Keys of the frame, and the one listener for all of them. */

import { effect, signal, untracked } from "@preact/signals";
import type { App } from "../contracts.ts";
import { closeNote } from "../parts/notes.tsx";
import type { Page } from "./app.ts";
import type { Frame } from "./frame.ts";
import { turnTheme } from "./header.tsx";
import { closePanel } from "./panels.tsx";

const TRAIL = 64;

const MARKS = ["dots", "images", "decoded"] as const;

/** Adds the keys of the frame; features add theirs when they start. */
export function addKeys({ app, frame }: Page): void {
  const { state, manifest } = app;
  const zoom = (factor: number) => app.map.setView({ scale: app.map.view.peek().scale * factor }, 150);
  app.addKey("?", "key.help", () => (frame.help.value = !frame.help.value));
  app.addKey("0", "key.fit", () => app.map.fit(undefined, 300));
  app.addKey("+", "key.zoom", () => zoom(1.4));
  app.addKey("-", "key.zoom", () => zoom(1 / 1.4));
  app.addKey("v", app.decoder ? "key.show" : "key.show.images", () => {
    const offered = MARKS.filter((kind) => kind === "dots" || (kind === "images" ? app.pictures : app.decoder));
    state.show.value = offered[(offered.indexOf(state.show.value) + 1) % offered.length];
  });
  app.addKey("m", "key.map", () => {
    const names = manifest.maps.map((map) => map.name);
    if (names.length) state.map.value = names[(names.indexOf(state.map.value) + 1) % names.length];
  });
  if (manifest.classes.length > 1) app.addKey("p", "key.apart", () => (state.apart.value = !state.apart.value));
  if (manifest.classes.length) app.addKey("n", "key.names", () => (state.names.value = !state.names.value));
  app.addKey("d", "key.theme", () => turnTheme(state, frame.dark.value));
  app.addKey("Escape", "key.escape", () => {
    if (frame.help.value) frame.help.value = false;
    else if (state.pinned.value >= 0) frame.closeCard();
    else if (state.tool.value !== "pan") state.tool.value = "pan";
    else if (state.selection.value.length) state.selection.value = new Uint32Array(0);
    else if (closeNote()) app.stage.focus({ preventScroll: true });
    else if (state.panel.value) closePanel(app);
    else frame.hint.value = false;
  });
  addMapKeys(app, frame);
}

/** Keys that go from image to image. The arrows are the map's own, which has them while it has the
 * focus; here they are only for the sheet. */
function addMapKeys(app: App, frame: Frame): void {
  const { state } = app;
  app.addKey("ArrowLeft", "key.move", () => undefined);
  app.addKey("Enter", "key.open", () => {
    const { width, height } = app.map.size.peek();
    const row = app.map.pick(width / 2, height / 2, Math.hypot(width, height));
    frame.enter = row >= 0;
    if (row >= 0) state.pinned.value = row;
  });
  const go = (row: number) => {
    frame.enter = Boolean(document.activeElement?.closest(".card"));
    app.goTo(row);
  };
  const trail: number[] = [];
  const wanted = signal(0);
  app.addKey("]", "key.next", () => void (frame.carded.value >= 0 && wanted.value++));
  effect(() => {
    const { row, near } = frame.lines.value;
    // Asked for before the neighbours are known, it waits for them.
    if (!wanted.value || row < 0) return;
    wanted.value = 0;
    // Two images are often each other's nearest: those that were just seen are passed over.
    const next = near.find((other) => !trail.includes(other));
    if (next === undefined) return;
    trail.push(row);
    if (trail.length > TRAIL) trail.shift();
    untracked(() => go(next));
  });
  app.addKey("[", "key.back", () => {
    const row = trail.pop();
    if (row !== undefined) go(row);
  });
}

/** A key as `App.addKey` has it. A letter is meant whatever its case, which Caps Lock turns round, and
 * whatever the input method makes of it: with one for Korean on, "l" arrives as "ㅣ" or "Process". */
export function nameOfKey({ key, code, shiftKey }: Pick<KeyboardEvent, "key" | "code" | "shiftKey">): string {
  const foreign = /[^\x00-\x7f]/.test(key) || key === "Process" || key === "Unidentified";
  const own = (foreign && /^Key([A-Z])$/.exec(code)?.[1]) || key;
  const letter = /^[a-z]$/i.test(own);
  return (shiftKey && (letter || own.length > 1) ? "Shift+" : "") + (letter ? own.toLowerCase() : own);
}

/** Listens for keys anywhere but in fields. */
export function listen({ app, frame }: Page): void {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (isField(event.target)) return;
    // Enter is that of a button, unless the map has the focus.
    if (event.key === "Enter" && event.target !== app.stage && event.target !== document.body) return;
    if (event.key.startsWith("Arrow")) return;
    const name = nameOfKey(event);
    const found = frame.keys.find(({ key }) => key === name);
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
