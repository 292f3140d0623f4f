/** Ways between two images: straight, and along the data, as films with the odds under them. */

import type { Feature } from "../../contracts.ts";
import { wayLayer } from "./layer.ts";
import { Panel } from "./Panel.tsx";
import { addPicking } from "./pick.ts";
import { follow } from "./store.ts";
import { words } from "./words.ts";
import "./style.css";

/** The feature "Walk". */
export const feature: Feature = {
  id: "walk",
  title: "walk.title",
  icon: "M5 19a2 2 0 1 0 0-4a2 2 0 1 0 0 4M19 9a2 2 0 1 0 0-4a2 2 0 1 0 0 4M7 17h6a3 3 0 0 0 0-6h-2a3 3 0 0 1 0-6h6",
  available: ({ decoder }) => decoder !== null,
  start(app) {
    follow(app);
    addPicking(app);
    app.addLayer(wayLayer(app));
  },
  Panel,
  words,
};
