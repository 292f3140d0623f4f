/** The decoded ground: the decoder paints the map, and fades into fog where it invents. */

import { effect } from "@preact/signals";
import type { App, Feature } from "../../contracts.ts";
import { look, rgbOf } from "../../parts/fog.ts";
import { wayNow } from "../../parts/latentAt.ts";
import { addNote, Note } from "../../parts/notes.tsx";
import { groundLayer } from "./layer.ts";
import type { Colours } from "./paint.ts";
import { GroundStore } from "./store.ts";
import { words } from "./words.ts";

function start(app: App): void {
  const store = new GroundStore(app, () => coloursOf(app));
  app.addLayer(groundLayer(app, store));
  app.addKey("g", "ground.key", () => (app.state.ground.value = !app.state.ground.value));
  effect(() => {
    void [app.state.ground.value, app.state.map.value, app.state.apart.value];
    void wayNow(app);
    app.map.redraw();
  });
  onTheme(app, () => {
    store.clear();
    app.map.redraw();
  });
  addNote(app.stage, "ground", <Said app={app} />);
}

/** Runs something after the colours of the page have changed. */
function onTheme(app: App, run: () => void): void {
  let before = JSON.stringify(coloursOf(app));
  new MutationObserver(() => {
    const now = JSON.stringify(coloursOf(app));
    if (now !== before) run();
    before = now;
  }).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
}

function coloursOf(app: App): Colours {
  return {
    ink: rgbOf(look(app.stage, "--ink", "#222222")) ?? [34, 34, 34],
  };
}

function Said({ app }: { app: App }) {
  if (!app.state.ground.value) return null;
  if (!app.decoder || app.state.apart.value) {
    return (
      <Note app={app} key="why" id="ground why" again>
        {app.t(app.decoder ? "ground.apart" : "ground.none")}
      </Note>
    );
  }
  return (
    <Note app={app} key="about" id="ground about">
      <span>
        <strong>{app.t("ground.name")}</strong>: {app.t("ground.about")}
      </span>
    </Note>
  );
}

export const feature: Feature = { id: "ground", title: "ground.title", words, start };
