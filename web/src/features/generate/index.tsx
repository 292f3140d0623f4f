/** New images: drawn from a prior, decoded, and held against the real ones. */

import type { Feature } from "../../contracts.ts";
import { Panel } from "./Panel.tsx";
import { start } from "./store.ts";
import { words } from "./words.ts";
import "./style.css";

/** The feature "Generate". */
export const feature: Feature = {
  id: "generate",
  title: "generate.title",
  icon: "M12 3l1.8 5.2L19 10l-5.2 1.8L12 17l-1.8-5.2L5 10l5.2-1.8zM19 15l.8 2.2L22 18l-2.2.8L19 21l-.8-2.2L16 18l2.2-.8z",
  available: ({ decoder, manifest, server }) =>
    decoder !== null && (manifest.mixtures.length > 0 || (server !== null && manifest.priors.length > 0)),
  start,
  Panel,
  words,
};
