/** The way in: resources, columns, map, features, frame. */

import "./shell/style.css";
import { effect } from "@preact/signals";
import { render } from "preact";
import { PageError, type App, type Manifest } from "./contracts.ts";
import { inOneFile, openResources } from "./load/resources.ts";
import { openServer } from "./load/server.ts";
import { attachGestures } from "./map/gestures.ts";
import { createPage, type Page } from "./shell/app.ts";
import { Shell } from "./shell/shell.tsx";
import { follow } from "./shell/follow.ts";
import { extraAt, extraLayer, inks, nameLayer, neighbourLayer, panelLayer, type Inks } from "./shell/overlays.ts";
import { imageLayer } from "./shell/imageLayer.ts";
import { embed } from "./shell/embed.ts";
import { addKeys, listen } from "./shell/keys.ts";
import { localWrite } from "./shell/state.ts";
import { words } from "./shell/words.ts";

declare global {
  interface Window {
    /** The running page, for tests and for the curious. */
    __latlas?: App;
  }
}

const CHECK_EVERY = 20_000;

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
  const page = await createPage(stage, manifest, resources, server);
  root.replaceChildren(holder);
  render(<Shell page={page} stage={stage} />, holder);
  addLayers(page);
  attach(page);
  await follow(page.app, page.frame);
  document.documentElement.dataset.ready = "1";
  window.__latlas = page.app;
  addKeys(page);
  for (const feature of page.frame.features) {
    try {
      feature.start?.(page.app);
    } catch (error) {
      page.app.say(`${feature.id}: ${error instanceof Error ? error.message : String(error)}`, "error");
    }
  }
  listen(page);
  embed(page.app);
  watch(page, manifest);
}

function addLayers({ app, frame, extras }: Page): void {
  let kept: Inks | null = null;
  effect(() => {
    void frame.dark.value;
    kept = null;
  });
  const ink = () => {
    if (!kept || kept.dark !== frame.dark.value) kept = inks(frame.dark.value);
    return kept;
  };
  app.addLayer(panelLayer(app, frame.panels, ink));
  app.addLayer(imageLayer(app));
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
      },
    },
    () => tools.get(app.state.tool.value) ?? null,
  );
}

function watch({ app, frame }: Page, manifest: Manifest): void {
  effect(() => {
    localWrite("theme", app.state.theme.value);
  });
  effect(() => {
    localWrite("language", app.state.language.value);
  });
  const server = app.server;
  if (!server) return;
  let away = false;
  server.reachable.subscribe((there) => {
    if (there && away) app.say(app.t("back"));
    away = !there;
  });
  setInterval(() => {
    if (document.hidden) return;
    server
      .get<Manifest>("/manifest")
      .then((now) => (frame.changed.value = now.fingerprint !== manifest.fingerprint))
      .catch(() => undefined);
  }, CHECK_EVERY);
}

start().catch((error: unknown) => {
  console.error(error);
  const why = error instanceof Error ? error.message : String(error);
  const language = navigator.language.startsWith("ko") ? "ko" : "en";
  const text = document.createElement("p");
  text.className = "boot failed";
  text.setAttribute("role", "alert");
  text.textContent = words[language].failed.replace("{why}", why);
  if (!(error instanceof PageError)) text.append(document.createElement("br"), "This is a defect of latlas.");
  document.getElementById("page")?.replaceChildren(text);
});
