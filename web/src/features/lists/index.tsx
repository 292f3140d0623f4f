/** Lists of images that are worth a look: copies, strangers, doubtful labels, bad drawings. */

import type { Feature } from "../../contracts.ts";
import { kindsOf } from "./kinds.ts";
import { Panel } from "./Panel.tsx";
import "./style.css";
import { words } from "./words.ts";

/** The feature; see `Feature`. */
export const feature: Feature = {
  id: "lists",
  title: "lists.title",
  icon: "M9 6h11M9 12h11M9 18h11M4.5 6h.01M4.5 12h.01M4.5 18h.01",
  available: (app) => kindsOf(app).length > 0,
  Panel,
  words,
};
