/** Lines above the map that say what is painted on it, or why it is not. */

import { signal } from "@preact/signals";
import { render, type ComponentChild, type ComponentChildren } from "preact";
import { useLayoutEffect } from "preact/hooks";
import type { App } from "../contracts.ts";
import "./notes.css";

const closed = signal<ReadonlySet<string>>(new Set());
const open = new Set<string>();

/** Gives a feature its place above the map; what it renders there may be empty. */
export function addNote(stage: HTMLElement, id: string, content: ComponentChild): void {
  const place = document.createElement("div");
  place.className = "map-note-place";
  place.dataset.note = id;
  stage.closest(".stage-frame")!.querySelector(".map-notes")!.append(place);
  render(content, place);
}

/** One note with its ×.
 *
 * @param id what it says: once closed, the same is not said again while the page is open.
 * @param again it is said again when its layer is switched on anew, since nothing else would be seen.
 */
export function Note({ app, id, again = false, children }: { app: App; id: string; again?: boolean; children: ComponentChildren }) {
  const shown = !closed.value.has(id);
  useLayoutEffect(() => {
    if (shown) open.add(id);
    return () => void open.delete(id);
  }, [id, shown]);
  useLayoutEffect(() => () => void (again && setClosed(id, false)), [id, again]);
  if (!shown) return null;
  const close = () => {
    setClosed(id, true);
    app.stage.focus({ preventScroll: true });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    close();
  };
  return (
    <div class="map-note" role="note" onKeyDown={onKeyDown}>
      <span class="map-note-text">{children}</span>
      <button type="button" class="icon" aria-label={app.t("note.close")} title={app.t("note.close")} onClick={close}>
        ×
      </button>
    </div>
  );
}

/** Closes the note that came last; false where there is none. */
export function closeNote(): boolean {
  const last = [...open].at(-1);
  if (last !== undefined) setClosed(last, true);
  return last !== undefined;
}

function setClosed(id: string, value: boolean): void {
  if (closed.peek().has(id) === value) return;
  const next = new Set(closed.peek());
  if (value) next.add(id);
  else next.delete(id);
  closed.value = next;
}
