/** A second map of the same rows, linked with the main one through the state of the page. */

import { effect, signal, untracked } from "@preact/signals";
import type { App, Tool } from "../../contracts.ts";
import { attachGestures } from "../../map/gestures.ts";
import { createLayers } from "../../map/layers.ts";
import { createMap } from "../../map/renderer.ts";
import { isApart, laidOut } from "../../shell/follow.ts";
import type { Layout, Panel } from "../../shell/layout.ts";
import { inksFor, nameLayer, neighbourLayer, panelLayer } from "../../shell/overlays.ts";
import { addTools } from "../select/tools.ts";

const FLIGHT = 900;
const TURN = 450;
/** Milliseconds that a size has to last before panels of classes follow it. */
const RESIZED = 120;
/** CSS pixels: nearer to the edge a row does not count as seen. */
const EDGE = 12;
/** CSS pixels above the panels of classes, for the names of the upper ones. */
const ROOM = 20;

/** The map in its element, until it is closed. */
export interface SecondMap {
  /** Shows a map of the space; rows fly there from the one before. Resolves when they set off. */
  show(name: string): Promise<void>;
  /** Shows all of it. */
  fit(): void;
  /** Gives everything back, the graphics card too. */
  close(): void;
}

/** The map to show beside another: the chosen one, or the first that is not shown already;
 * undefined where there is none. */
export function otherMap(maps: string[], shown: string, chosen: string): string | undefined {
  const others = maps.filter((name) => name !== shown);
  return others.includes(chosen) ? chosen : others[0];
}

function sameBoxes(some: Panel[], others: Panel[]): boolean {
  return some.length === others.length && some.every((box, i) => box.x0 === others[i].x0 && box.y0 === others[i].y0);
}

/** Opens a map in an element that has its size. Pointing, pinning and selecting on it write to the
 * state, as on the main map; what it looks like follows from the state alone. */
export function openSecond(app: App, stage: HTMLElement): SecondMap {
  const { state, marks } = app;
  const map = createMap(stage);
  const layers = createLayers(stage, map);
  const panels = signal<Panel[]>([]);
  const tools = new Map<string, Tool>();
  // To layers and tools this is the page, only that its map is the second one.
  const twin: App = {
    ...app,
    map,
    stage,
    addLayer: (layer) => layers.add(layer),
    addTool: (tool) => void tools.set(tool.id, tool),
  };
  const ends = [addTools(twin)];
  let latest = 0;
  let pointed = false;

  const point = (row: number) => {
    pointed = row >= 0;
    state.hover.value = row;
  };
  const pin = (row: number) => {
    if (row < 0 || row === state.pinned.peek()) state.pinned.value = -1;
    else app.goTo(row);
  };
  const fit = () => map.fit(undefined, 300);
  const handlers = { hover: point, leave: () => point(-1), click: pin, double: fit };
  ends.push(attachGestures(stage, map, handlers, () => tools.get(state.tool.value)));
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.target !== stage) return;
    const { width, height } = map.size.peek();
    event.preventDefault();
    pin(map.pick(width / 2, height / 2, Math.hypot(width, height)));
  };
  stage.addEventListener("keydown", onKey);

  const ink = inksFor(marks.dark);
  twin.addLayer(panelLayer(twin, panels, ink));
  twin.addLayer(neighbourLayer(twin, marks.lines, ink));
  twin.addLayer(nameLayer(twin, panels, ink));

  ends.push(
    effect(() => map.setColours(marks.colours.value.index, marks.colours.value.palette)),
    effect(() => map.setRings(marks.rings.value)),
    effect(() => {
      void [marks.lines.value, marks.dark.value, state.names.value, state.show.value, state.hidden.value];
      map.redraw();
    }),
    effect(() => {
      const row = state.pinned.value;
      untracked(() => bringIn(row));
    }),
  );

  /** Turns to a row that was opened elsewhere and is out of sight here. */
  function bringIn(row: number): void {
    const at = row < 0 ? null : map.pixelOf(row);
    if (!at) return;
    const { width, height } = map.size.peek();
    const seen = at[0] > EDGE && at[1] > EDGE && at[0] < width - EDGE && at[1] < height - EDGE;
    if (!seen) map.setView({ x: map.places[2 * row], y: map.places[2 * row + 1] }, TURN);
  }

  function standing(xy: Float32Array): Layout {
    const insets = { left: 0, right: 0, top: isApart(app) ? ROOM : 0, bottom: 0 };
    map.setInsets(insets);
    return laidOut(app, xy, map.size.peek(), insets);
  }

  function stand(layout: Layout, time: number): void {
    panels.value = layout.panels;
    void map.setPlaces(layout.places, time);
    map.fit(undefined, time);
  }

  let shown: Float32Array | null = null;
  let timer = 0;
  ends.push(
    effect(() => {
      void map.size.value;
      clearTimeout(timer);
      timer = window.setTimeout(() => {
        if (!shown || !isApart(app)) return;
        const layout = standing(shown);
        if (!sameBoxes(layout.panels, panels.peek())) stand(layout, 0);
      }, RESIZED);
    }),
  );

  return {
    async show(name) {
      const mine = ++latest;
      const xy = await app.columns.map(name);
      if (mine !== latest) return;
      shown = xy;
      stand(standing(xy), FLIGHT);
    },
    fit,
    close() {
      latest++;
      clearTimeout(timer);
      for (const end of ends) end();
      stage.removeEventListener("keydown", onKey);
      if (pointed) state.hover.value = -1;
      layers.destroy();
      map.destroy();
    },
  };
}
