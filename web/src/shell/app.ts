/** The page as its features see it: data, map, state and the small services around them. */

import { computed, signal, type Signal } from "@preact/signals";
import { type App, type Extra, type Manifest, type Resources, type Server, type Tool, wordsOf } from "../contracts.ts";
import { startEngine } from "../compute/engine.ts";
import { features } from "../features/index.ts";
import { openColumns } from "../load/columns.ts";
import { RemoteLatents } from "../load/latents.ts";
import { openPictures } from "../load/pictures.ts";
import { failure, isStale, speak } from "../load/failing.ts";
import { createLayers } from "../map/layers.ts";
import { createMap, type PointMap } from "../map/renderer.ts";
import { paint } from "./colours.ts";
import type { Frame, Message } from "./frame.ts";
import { Address, initialState, keepState, localRead } from "./state.ts";
import { words as terms } from "../parts/terms.ts";
import { words } from "./words.ts";

const MESSAGE_TIME = 6000;
const MOST_MESSAGES = 3;

/** Everything that the page consists of. */
export interface Page {
  app: App;
  /** The map, with what only the frame needs of it. */
  points: PointMap;
  frame: Frame;
  extras: Signal<Extra[]>;
  tools: Map<string, Tool>;
  toolButtons: Signal<{ id: string; title: string; icon: string }[]>;
}

/** Builds the page around a stage; the columns that the first picture needs are loaded. */
export async function createPage(
  stage: HTMLElement,
  manifest: Manifest,
  resources: Resources,
  server: Server | null,
): Promise<Page> {
  const state = initialState(manifest);
  speak(() => state.language.peek());
  const address = new Address();
  const frame = createFrame(state);
  const panels = features.filter((feature) => feature.Panel).map((feature) => feature.id);
  const columns = await openColumns(manifest, resources);
  keepState(address, state, manifest, columns, panels, frame.spot);
  const map = createMap(stage);
  const layers = createLayers(stage, map);
  const extras = signal<Extra[]>([]);
  const byOwner = new Map<string, Extra[]>();
  const tools: Page["tools"] = new Map();
  const toolButtons: Page["toolButtons"] = signal([]);
  const say = speaker(frame);
  const remote = server ? new RemoteLatents(server, columns, manifest.latentDim) : null;
  const told = signal<Int16Array | null>(null);
  // A reader's new label does not change which model an image went to.
  const given = columns.labels.slice();
  const fail = (error: unknown) => say(wordsOf(error), "error");

  const app: App = {
    manifest,
    resources,
    columns,
    state,
    map,
    marks: marksOf(state, frame, manifest.rows),
    pictures: openPictures(manifest, resources, () => map.redraw(), fail),
    ...startEngine(resources, asFitted(manifest), columns, server),
    server,
    stage,
    addLayer: (layer) => layers.add(layer),
    addTool(tool) {
      tools.set(tool.id, tool);
      const { id, title, icon } = tool;
      if (title && icon) toolButtons.value = [...toolButtons.peek(), { id, title, icon }];
    },
    addKey: (key, about, run) => void frame.keys.push({ key, about, run }),
    keepInUrl: (name, value, write, read) => address.keep(name, value, write, read),
    t: translator(state),
    say,
    async latentsOf(rows) {
      const z = await columns.z();
      const D = manifest.latentDim;
      if (z) {
        const found = new Float32Array(rows.length * D);
        for (let i = 0; i < rows.length; i++) found.set(z.subarray(rows[i] * D, (rows[i] + 1) * D), i * D);
        return found;
      }
      if (!remote) throw failure("fail.latents");
      return remote.of(rows);
    },
    toldOf: (row) => (manifest.scope === "global" ? -1 : (told.value ?? given)[row]),
    goTo(row) {
      const [x, y] = [map.places[2 * row], map.places[2 * row + 1]];
      if (Number.isNaN(x)) {
        say(app.t("nowhere"));
        return;
      }
      const [px, py] = map.toScreen(x, y);
      const { width, height } = map.size.peek();
      const inside = px > 40 && py > 40 && px < width - 40 && py < height - 40;
      if (!inside) map.setView({ x, y }, 450);
      state.pinned.value = row;
    },
    showExtras(owner, some) {
      if (some.length) byOwner.set(owner, some);
      else byOwner.delete(owner);
      extras.value = [...byOwner.values()].flat();
      map.redraw();
    },
  };
  if (manifest.columns.some((column) => column.name === "told")) {
    columns.column("told").then((values) => (told.value = values as Int16Array), fail);
  }
  frame.features = features.filter((feature) => feature.available?.(app) ?? true);
  if ((state.show.value === "images" && !app.pictures) || (state.show.value === "decoded" && !app.decoder)) {
    state.show.value = "dots";
  }
  // A link may name a panel that this space does not offer.
  if (!frame.features.some(({ id, Panel }) => Panel && id === state.panel.value)) state.panel.value = "";
  return { app, points: map, frame, extras, tools, toolButtons };
}

/** The manifest as the nets and classifiers know it: names that a reader adds to the classes are no
 * classes of theirs. */
function asFitted(manifest: Manifest): Manifest {
  return { ...manifest, classes: [...manifest.classes], columns: [...manifest.columns] };
}

function marksOf(state: App["state"], frame: Frame, rows: number): App["marks"] {
  return {
    colours: computed(() =>
      paint(frame.colouring.value, rows, state.hidden.value, state.selection.value, frame.dark.value),
    ),
    rings: computed(() => {
      const colour = frame.dark.value ? "#ffffff" : "#111820";
      const marked = [state.pinned.value, state.hover.value].filter((row) => row >= 0);
      return marked.map((row) => ({ row, colour, radius: 7 }));
    }),
    lines: frame.lines,
    dark: frame.dark,
  };
}

function createFrame(state: App["state"]): Frame {
  const system = signal(matchMedia("(prefers-color-scheme: dark)").matches);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => {
    system.value = event.matches;
  });
  const resting = signal(-1);
  let rest = 0;
  state.hover.subscribe((row) => {
    clearTimeout(rest);
    if (row < 0) resting.value = -1;
    else if (resting.peek() !== row) {
      // The ring is there at once; the card waits until the cursor rests.
      resting.value = -1;
      rest = window.setTimeout(() => (resting.value = row), 125);
    }
  });
  return {
    dark: computed(() => (state.theme.value === "auto" ? system.value : state.theme.value === "dark")),
    colouring: signal({ column: null, values: null, entries: [], unknown: 0 }),
    panels: signal([]),
    strays: signal<ReadonlySet<number>>(new Set()),
    carded: computed(() => (state.pinned.value >= 0 ? state.pinned.value : resting.value)),
    lines: signal({ row: -1, near: new Uint32Array(0) }),
    messages: signal([]),
    help: signal(false),
    keys: [],
    features: [],
    loading: signal(""),
    changed: signal(false),
    spot: signal(""),
    enter: false,
    closeCard() {
      const at = document.activeElement;
      const within = at === document.body || at?.closest(".card");
      clearTimeout(rest);
      state.pinned.value = -1;
      // Nor does it come back under a cursor that has not moved.
      resting.value = -1;
      this.enter = false;
      if (within) document.querySelector<HTMLElement>(".stage")?.focus({ preventScroll: true });
    },
    hint: signal(localRead("hint") === null),
  };
}

function speaker(frame: Frame): App["say"] {
  let number = 0;
  return (text, kind = "note") => {
    // The note on the change stays, and says the same.
    if (isStale(text) && frame.changed.peek()) return;
    // Said again it counts as new, but it stands there once.
    const others = frame.messages.peek().filter((each) => each.text !== text);
    const message: Message = { number: ++number, text, kind };
    frame.messages.value = [...others.slice(1 - MOST_MESSAGES), message];
    setTimeout(
      () => (frame.messages.value = frame.messages.peek().filter((each) => each !== message)),
      kind === "error" ? 2.5 * MESSAGE_TIME : MESSAGE_TIME,
    );
  };
}

/** Words of the frame and of all features, in the reader's language, else in English. */
export function translator(state: App["state"]): App["t"] {
  const tables: Record<string, Record<string, string>> = {};
  for (const source of [words, terms, ...features.map((feature) => feature.words)]) {
    for (const [language, table] of Object.entries(source)) {
      tables[language] = { ...tables[language], ...table };
    }
  }
  return (key, values = {}) => {
    const text = tables[state.language.value]?.[key] ?? tables.en[key] ?? key;
    return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
  };
}
