/** Contours: lines of equal density of the points that are shown. */

import { effect } from "@preact/signals";
import type { App, Feature } from "../../contracts.ts";
import { addNote, Note } from "../../parts/notes.tsx";
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
  addNote(app.stage, "contours", <Said app={app} />);
}

function Said({ app }: { app: App }) {
  const { whose } = aroundNow(app);
  if (!app.state.contours.value) return null;
  return (
    <Note app={app} key={whose} id={`contours ${whose}`}>
      <span>
        <strong>{app.t("contours.title")}</strong>: {app.t(`contours.${whose}`)}
      </span>
    </Note>
  );
}

export const feature: Feature = {
  id: "contours",
  title: "contours.title",
  words,
  available: (app) => app.manifest.maps.length > 0,
  start,
};
