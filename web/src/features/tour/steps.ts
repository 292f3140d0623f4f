/** The steps of the tour: what each shows, and how the page looks meanwhile. */

import type { App } from "../../contracts.ts";
import { Decision } from "./Decision.tsx";
import { Gathering } from "./Gathering.tsx";
import { Generation } from "./Generation.tsx";
import { Numbers } from "./Numbers.tsx";
import { Scopes } from "./Scopes.tsx";
import { Whole } from "./Whole.tsx";

/** One step. */
export interface Step {
  id: string;
  available(app: App): boolean;
  /** Puts the page into the state that the text speaks of. */
  enter(app: App): void;
  /** What the reader plays with. */
  Part: (props: { app: App }) => unknown;
}

/** All steps, in the order of the ideas. */
export const STEPS: Step[] = [
  {
    id: "vector",
    available: (app) => app.decoder !== null,
    enter: plain,
    Part: Numbers,
  },
  { id: "space", available: () => true, enter: plain, Part: Whole },
  {
    id: "gather",
    available: (app) => app.manifest.classes.length > 1,
    enter: (app) => {
      plain(app);
      app.state.colour.value = "label";
      app.state.names.value = true;
    },
    Part: Gathering,
  },
  {
    id: "generate",
    available: (app) => app.decoder !== null && app.manifest.mixtures.length > 0,
    enter: plain,
    Part: Generation,
  },
  {
    id: "classify",
    available: (app) => app.manifest.classes.length > 1,
    enter: (app) => {
      plain(app);
      app.state.colour.value = "label";
      app.state.borders.value = true;
    },
    Part: Decision,
  },
  {
    id: "scopes",
    available: (app) => app.manifest.classes.length > 1,
    enter: (app) => {
      plain(app);
      app.state.apart.value = true;
    },
    Part: Scopes,
  },
];

/** Dots on the whole map, nothing in the way. */
function plain(app: App): void {
  const { state } = app;
  state.show.value = "dots";
  state.borders.value = false;
  state.ground.value = false;
  state.apart.value = Boolean(app.manifest.maps.find((map) => map.name === state.map.value)?.panels);
  state.pinned.value = -1;
  state.hidden.value = new Set();
  state.selection.value = new Uint32Array(0);
  app.showExtras("tour", []);
}
