/** Files that are dropped on the page or pasted into it; without this the browser would open them
 * in its place, whatever the space can do with them. */

import type { App, Feature } from "../../contracts.ts";
import { take } from "../draw/accept.ts";
import { words } from "./words.ts";

function start(app: App): void {
  addEventListener("dragover", (event) => {
    if (!isOfField(event)) event.preventDefault();
  });
  addEventListener("drop", (event) => {
    if (isOfField(event)) return;
    event.preventDefault();
    taken(app, event.dataTransfer?.files ?? null, true);
  });
  addEventListener("paste", (event) => taken(app, event.clipboardData?.files ?? null, false));
}

/** Text that is dragged into a field is the field's own. */
function isOfField({ target, dataTransfer }: DragEvent): boolean {
  const field = target instanceof Element && target.closest("input, textarea, [contenteditable]") !== null;
  return field && !dataTransfer?.types.includes("Files");
}

/** Takes the first file, or says why not. Text that is pasted is no mistake. */
function taken(app: App, files: FileList | null, dropped: boolean): void {
  const file = files?.[0];
  if (!file) {
    if (dropped) app.say(app.t("drop.nofile"), "error");
  } else if (!app.decoder || !app.manifest.encoders.length) {
    app.say(app.t("drop.nonet"), "error");
  } else {
    if (files.length > 1) app.say(app.t("drop.several", { count: files.length, name: file.name }));
    void take(app, file);
  }
}

/** The feature; see `Feature`. */
export const feature: Feature = { id: "drop", title: "draw.title", words, start };
