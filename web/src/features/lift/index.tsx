/** Lift off the sheet: where the directions lead that a map flattens. */

import { effect } from "@preact/signals";
import { render } from "preact";
import type { App, Feature } from "../../contracts.ts";
import { stepped } from "./directions.ts";
import { Ring } from "./ring.ts";
import "./style.css";
import { RingView } from "./view.tsx";
import { words } from "./words.ts";

function start(app: App): void {
  const ring = new Ring(app);
  app.addKey("o", "lift.key", () => (ring.middle.peek() ? ring.close() : void ring.open()));
  const place = document.createElement("div");
  place.className = "lift-place";
  for (const type of ["pointerdown", "dblclick"]) {
    place.addEventListener(type, (event) => event.stopPropagation());
  }
  app.stage.append(place);
  render(<RingView app={app} ring={ring} />, place);
  listen(app, ring);
  openFromCard(app, ring);
}

/** Alt held over the map opens the ring, the wheel changes its distance, and without Alt it stays
 * for the pointer to choose. */
function listen(app: App, ring: Ring): void {
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && ring.middle.peek()) return ring.close();
    if (event.key !== "Alt" || event.repeat || event.ctrlKey || event.metaKey || !app.state.cursor.peek()) return;
    event.preventDefault();
    if (!ring.middle.peek()) void ring.open();
  });
  app.stage.addEventListener(
    "wheel",
    (event) => {
      const inRing = (event.target as Element).closest?.(".lift") !== null;
      if (!event.altKey && !(ring.middle.peek() && inRing)) return;
      event.preventDefault();
      event.stopPropagation();
      if (!ring.middle.peek()) void ring.open();
      else ring.distance.value = stepped(ring.distance.peek(), -Math.sign(event.deltaY || event.deltaX));
    },
    { capture: true, passive: false },
  );
}

/** A button in the corner of the probe's card, which is there while a vector is pinned. */
function openFromCard(app: App, ring: Ring): void {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button lift-open";
  button.addEventListener("click", () => void ring.open());
  const corner = document.createElement("div");
  corner.className = "lift-corner";
  corner.append(button);
  effect(() => {
    button.textContent = app.t("lift.title");
    button.title = app.t("lift.open");
    button.hidden = app.state.probe.value === null || ring.middle.value !== null || app.manifest.latentDim <= 2;
    if (!corner.isConnected) app.stage.querySelector(".probe-corner")?.append(corner);
  });
}

export const feature: Feature = {
  id: "lift",
  title: "lift.title",
  words,
  available: (app) => app.decoder !== null,
  start,
};
