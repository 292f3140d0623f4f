/** One space or many: the classes fly apart, and each class's model redraws an image. */

import type { App, Feature } from "../../contracts.ts";
import { Many } from "./Many.tsx";
import { words } from "./words.ts";

const ICON = "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h6v6h-6z";

/** Panels by class, and the models of all classes side by side. */
export const feature: Feature = {
  id: "many",
  title: "many.title",
  icon: ICON,
  words,
  Panel: Many,
  available: (app: App) => app.manifest.classes.length > 1,
};
