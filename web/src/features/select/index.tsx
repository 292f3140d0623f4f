/** Select images: on the map, by class, by tag; look at them, save them, change them, ask like them. */

import type { App, Feature } from "../../contracts.ts";
import { editsOf } from "./edits.ts";
import { Panel } from "./Panel.tsx";
import { everyRow, inverted, toggled } from "./sets.ts";
import "./style.css";
import { addTools, choose, isShape, shownOf } from "./tools.ts";
import { words } from "./words.ts";

function start(app: App): void {
  editsOf(app);
  addTools(app);
  const { state } = app;
  // The tools of other features stand for something that they have begun, which no link has.
  app.keepInUrl("tool", state.tool, (tool) => (isShape(tool) ? tool : ""), (text) => (isShape(text) ? text : "pan"));
  const pick = (tool: string) => () => {
    state.tool.value = state.tool.value === tool ? "pan" : tool;
  };
  app.addKey("l", "select.key.lasso", pick("lasso"));
  app.addKey("x", "select.key.box", pick("box"));
  app.addKey("s", "select.key.toggle", () => {
    const row = state.hover.value >= 0 ? state.hover.value : state.pinned.value;
    if (row >= 0) choose(app, toggled(state.selection.value, row));
  });
  app.addKey("Shift+a", "select.key.all", async () => {
    choose(app, await shownOf(app, everyRow(app.columns.rows)));
  });
  app.addKey("Shift+i", "select.key.invert", async () => {
    choose(app, await shownOf(app, inverted(state.selection.value, app.columns.rows)));
  });
}

/** The feature; see `Feature`. */
export const feature: Feature = {
  id: "select",
  title: "select.title",
  icon: "M3.5 12.5l5.5 5.5L20.5 6",
  start,
  Panel,
  words,
};
