/** The way in: resources, columns, map, features, frame. */

import "./shell/style.css";
import { effect, signal } from "@preact/signals";
import { render } from "preact";
import { PageError, type App, type Manifest, type Resources, type Server, wordsOf } from "./contracts.ts";
import { said } from "./load/failing.ts";
import { inOneFile, onChange, openResources } from "./load/resources.ts";
import { openServer } from "./load/server.ts";
import { attachGestures } from "./map/gestures.ts";
import { createPage, type Page } from "./shell/app.ts";
import { Shell } from "./shell/shell.tsx";
import { follow, settle } from "./shell/follow.ts";
import { extraAt, extraLayer, inksFor, nameLayer, neighbourLayer, panelLayer } from "./shell/overlays.ts";
import { imageLayer } from "./shell/imageLayer.ts";
import { embed } from "./shell/embed.ts";
import { addKeys, listen } from "./shell/keys.ts";
import { fetchFirst, Loading, type Arrived } from "./shell/loading.tsx";
import { initialState, localWrite } from "./shell/state.ts";
import { words } from "./shell/words.ts";

declare global {
  interface Window {
    /** The running page, for tests and for the curious. */
    __latlas?: App;
  }
}

const CHECK_EVERY = 20_000;
const BLINK = 250;
const GIVEN_UP = 4500;

async function start(): Promise<void> {
  const root = document.getElementById("page")!;
  const resources = openResources();
  const manifest = await resources.manifest();
  document.title = `${manifest.name} · latlas`;
  const stage = document.createElement("main");
  stage.className = "stage";
  stage.tabIndex = 0;
  const server = manifest.server && !inOneFile() ? openServer(manifest.server.readOnly) : null;
  const holder = document.createElement("div");
  holder.style.height = "100%";
  // The stage must have its size before the map measures it.
  const first = document.createElement("div");
  first.className = "stage-host first";
  root.replaceChildren(first);
  first.append(stage);
  const waiting = await showLoading(first, manifest, resources);
  const page = await createPage(stage, manifest, resources, server);
  waiting.remove();
  root.replaceChildren(holder);
  render(<Shell page={page} stage={stage} />, holder);
  page.points.resize();
  addLayers(page);
  attach(page);
  await follow(page);
  await painted();
  performance.mark("points on screen");
  document.documentElement.dataset.ready = "1";
  window.__latlas = page.app;
  addKeys(page);
  for (const feature of page.frame.features) {
    try {
      feature.start?.(page.app);
    } catch (error) {
      page.app.say(`${feature.id}: ${wordsOf(error)}`, "error");
    }
  }
  await settle(page);
  listen(page);
  embed(page.app);
  watch(page);
}

/** Resolves when the browser has shown what was drawn; a page in the background does not wait for that. */
function painted(): Promise<void> {
  return new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, BLINK);
  });
}

/** Shows the name of the space and how far its points are, while it waits for them. */
async function showLoading(place: HTMLElement, manifest: Manifest, resources: Resources): Promise<HTMLElement> {
  const element = document.createElement("div");
  element.className = "loading-place";
  place.append(element);
  const arrived = signal<Arrived>({ done: 0, total: 1 });
  const { map, language } = initialState(manifest);
  const wanted = new URLSearchParams(location.hash.slice(1)).get("map");
  const name = manifest.maps.find((each) => each.name === wanted)?.name ?? map.peek();
  // What is there within a blink is not announced.
  const timer = setTimeout(() => {
    render(<Loading manifest={manifest} arrived={arrived} language={language.peek()} />, element);
  }, BLINK);
  await fetchFirst(manifest, resources, name, arrived);
  clearTimeout(timer);
  return element;
}

function addLayers({ app, frame, extras }: Page): void {
  const ink = inksFor(frame.dark);
  app.addLayer(panelLayer(app, frame.panels, ink));
  app.addLayer(imageLayer(app, frame.colouring));
  app.addLayer(neighbourLayer(app, frame.lines, ink));
  app.addLayer(nameLayer(app, frame.panels, ink));
  app.addLayer(extraLayer(app, extras, ink));
}

function attach({ app, tools, extras }: Page): void {
  attachGestures(
    app.stage,
    app.map,
    {
      hover(row, x, y) {
        app.state.hover.value = row;
        const [mapX, mapY] = app.map.toMap(x, y);
        app.state.cursor.value = { x: mapX, y: mapY };
      },
      leave() {
        app.state.hover.value = -1;
        app.state.cursor.value = null;
      },
      click(row, x, y) {
        const extra = extraAt(app, extras.value, x, y);
        if (extra) extra.onOpen?.();
        else app.state.pinned.value = row === app.state.pinned.value ? -1 : row;
        // A finger does not hover: what it tapped is looked at.
        const [mapX, mapY] = app.map.toMap(x, y);
        app.state.cursor.value = { x: mapX, y: mapY };
      },
    },
    () => tools.get(app.state.tool.value) ?? null,
  );
}

/** Keeps what the reader chose on this device, and tells of graphics and server. */
function watch(page: Page): void {
  const { app, frame } = page;
  const { state } = app;
  effect(() => {
    localWrite("theme", state.theme.value);
  });
  effect(() => {
    localWrite("language", state.language.value);
  });
  const pinned = state.pinned.peek();
  effect(() => {
    // Whoever opened an image or the tour needs no hint.
    if (state.panel.value === "tour" || (state.pinned.value >= 0 && state.pinned.value !== pinned)) frame.hint.value = false;
    if (!frame.hint.value) localWrite("hint", "seen");
  });
  // A map that was clicked has the focus, but no frame around it.
  const root = document.documentElement;
  addEventListener("pointerdown", () => (root.dataset.pointer = "1"), true);
  addEventListener("keydown", () => delete root.dataset.pointer, true);
  watchGraphics(page);
  if (app.server) watchServer(page, app.server);
}

function watchGraphics({ app, points }: Page): void {
  if (points.plain) app.say(app.t("webgl.none"));
  // These events do not bubble, so they are caught on their way down.
  app.stage.addEventListener("webglcontextrestored", () => app.say(app.t("webgl.lost")), true);
  app.stage.addEventListener(
    "webglcontextlost",
    () => setTimeout(() => points.plain && app.say(app.t("webgl.none")), GIVEN_UP),
    true,
  );
}

function watchServer({ app, frame }: Page, server: Server): void {
  let away = false;
  let told = false;
  onChange(() => {
    told = true;
    frame.changed.value = true;
  });
  const look = () => {
    server
      .get<Manifest>("/manifest")
      .then((now) => (frame.changed.value = told || now.fingerprint !== app.manifest.fingerprint))
      .catch((error: unknown) => {
        // A server that was started anew may have another token, and says so.
        if (error instanceof PageError && error.status) app.say(error.message, "error");
      });
  };
  server.reachable.subscribe((there) => {
    if (there && away) {
      app.say(app.t("back"));
      look();
    }
    away = !there;
  });
  addEventListener("focus", look);
  setInterval(() => {
    if (!document.hidden) look();
  }, CHECK_EVERY);
}

start().catch((error: unknown) => {
  console.error(error);
  const why = wordsOf(error);
  const language = navigator.language.startsWith("ko") ? "ko" : "en";
  const text = document.createElement("p");
  text.className = "boot failed";
  text.setAttribute("role", "alert");
  text.textContent = words[language].failed.replace("{why}", why);
  if (!(error instanceof PageError)) text.append(document.createElement("br"), said("fail.defect"));
  document.getElementById("page")?.replaceChildren(text);
});
