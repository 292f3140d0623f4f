/** Contours: lines of equal density of the points that are shown. */

import { effect } from "@preact/signals";
import type { App, Feature } from "../../contracts.ts";
import { addNote } from "../../parts/notes.ts";
import { aroundNow, contoursLayer } from "./layer.ts";
import { words } from "./words.ts";

function start(app: App): void {
  const { contours, colour, hidden } = app.state;
  app.addLayer(contoursLayer(app));
  app.addKey("c", "contours.key", () => (contours.value = !contours.value));
  effect(() => {
    void [contours.value, colour.value, hidden.value, app.map.flying.value];
    app.map.redraw();
  });
  addNote(app.stage, "contours", <Note app={app} />);
}

function Note({ app }: { app: App }) {
  const { whose } = aroundNow(app);
  // It would lie over the names of the panels.
  if (!app.state.contours.value || whose === "panel") return null;
  return (
    <p class="map-note">
      <span>
        <strong>{app.t("contours.title")}</strong>: {app.t(`contours.${whose}`)}
      </span>
    </p>
  );
}

export const feature: Feature = {
  id: "contours",
  title: "contours.title",
  words,
  available: (app) => app.manifest.maps.length > 0,
  start,
};
