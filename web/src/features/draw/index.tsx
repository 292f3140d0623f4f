/** Draw an image or drop one: it lands on the map, with its neighbours and odds. */

import { effect, untracked } from "@preact/signals";
import type { App, Feature } from "../../contracts.ts";
import { holds } from "../../parts/again.ts";
import { DrawPanel } from "./DrawPanel.tsx";
import { dragging } from "./drag.ts";
import { landed, placeAgain } from "./landed.ts";
import { words } from "./words.ts";

const ICON = "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3";

/** Encoding images that are not in the space. */
export const feature: Feature = {
  id: "draw",
  title: "draw.title",
  icon: ICON,
  words,
  Panel: DrawPanel,
  available: (app: App) => app.decoder !== null && app.manifest.encoders.length > 0,
  start(app: App) {
    dragging(app);
    holds(() => landed.peek() !== null);
    effect(() => {
      void app.map.placed.value;
      untracked(() => void placeAgain(app));
    });
  },
};
