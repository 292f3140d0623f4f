/** A walk of two minutes through the reader's own space: what each of its words means. */

import type { App, Feature } from "../../contracts.ts";
import { Tour } from "./Tour.tsx";
import { words } from "./words.ts";

const ICON = "M4 19V6l5-2 6 2 5-2v13l-5 2-6-2-5 2zM9 4v13M15 6v13";

/** The guided tour. */
export const feature: Feature = {
  id: "tour",
  title: "tour.title",
  icon: ICON,
  words,
  Panel: Tour,
  available: (app: App) => app.manifest.maps.length > 0,
};
