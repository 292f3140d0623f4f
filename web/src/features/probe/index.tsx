/** Live decode: what the decoder draws at the place under the cursor. */

import { effect } from "@preact/signals";
import { render } from "preact";
import type { App, Feature, Layer } from "../../contracts.ts";
import { look } from "../../parts/fog.ts";
import { ProbeCard } from "./card.tsx";
import { follow } from "./live.ts";
import "./style.css";
import { words } from "./words.ts";

function start(app: App): void {
  const live = follow(app);
  const pin = () => {
    app.state.probe.value = app.state.probe.value ? null : (live.shown.value?.probe ?? null);
  };
  app.addKey("f", "probe.key", pin);
  app.addLayer(markLayer(app));
  effect(() => {
    void app.state.probe.value;
    app.map.redraw();
  });
  const place = document.createElement("div");
  place.className = "probe-corner";
  // The map would pan under the card.
  for (const type of ["pointerdown", "wheel", "dblclick"]) {
    place.addEventListener(type, (event) => event.stopPropagation());
  }
  app.stage.append(place);
  render(<ProbeCard app={app} live={live} pin={pin} />, place);
}

/** A cross at the place of the pinned vector. */
function markLayer(app: App): Layer {
  return {
    id: "probe",
    depth: 40,
    draw(context) {
      const probe = app.state.probe.value;
      if (!probe || app.state.apart.value || Number.isNaN(probe.x) || Number.isNaN(probe.y)) return;
      const [x, y] = app.map.toScreen(probe.x, probe.y);
      for (const [width, colour] of [
        [4.5, look(app.stage, "--bg", "#fff")],
        [2, look(app.stage, "--accent", "#c50")],
      ] as const) {
        context.lineWidth = width;
        context.strokeStyle = colour;
        context.beginPath();
        context.arc(x, y, 8, 0, 2 * Math.PI);
        for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
          context.moveTo(x + 5 * dx, y + 5 * dy);
          context.lineTo(x + 14 * dx, y + 14 * dy);
        }
        context.stroke();
      }
    },
  };
}

export const feature: Feature = {
  id: "probe",
  title: "probe.title",
  words,
  available: (app) => app.decoder !== null,
  start,
};
