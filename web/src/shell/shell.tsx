/** The frame of the page: bar, stage, legend, card, panels, messages. */

import { useLayoutEffect, useRef } from "preact/hooks";
import type { App } from "../contracts.ts";
import type { Page } from "./app.ts";
import type { Frame } from "./frame.ts";
import { Card } from "./card.tsx";
import { Header } from "./header.tsx";
import { Legend } from "./legend.tsx";
import { Help, Messages, Panels } from "./panels.tsx";

const MOVE = "M12 3v18M3 12h18M12 3l-3 3M12 3l3 3M12 21l-3-3M12 21l3-3M3 12l3-3M3 12l3 3M21 12l-3-3M21 12l-3 3";

/** The whole page around the stage, which the map owns. */
export function Shell({ page, stage }: { page: Page; stage: HTMLElement }) {
  const { app, frame } = page;
  const place = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    // The map owns its element; nothing here ever draws it again.
    place.current!.append(stage);
  }, []);
  stage.setAttribute("aria-label", app.t("stage", { count: app.manifest.rows.toLocaleString() }));
  return (
    <div class="shell">
      <div class="top-place" inert={frame.help.value}>
        <Header app={app} frame={frame} />
      </div>
      <div class="stage-frame" inert={frame.help.value}>
        <div class="map-notes" />
        <div ref={place} class="stage-host" />
        <div class="overlay">
          {app.manifest.maps.length === 0 && <p class="nothing">{app.t("nomap", { name: `${app.manifest.name}.latlas` })}</p>}
          <Legend app={app} frame={frame} />
          <Tools page={page} />
          <Zoom app={app} />
          <Card app={app} frame={frame} />
          <div class="foot">
            <Messages app={app} frame={frame} />
            <Hint app={app} frame={frame} />
          </div>
        </div>
      </div>
      <Panels app={app} frame={frame} />
      <Help app={app} frame={frame} />
    </div>
  );
}

function Zoom({ app }: { app: App }) {
  const by = (factor: number) => app.map.setView({ scale: app.map.view.peek().scale * factor }, 200);
  return (
    <div class="zoom" role="group" aria-label={app.t("key.zoom")}>
      <button aria-label={app.t("zoom.in")} title={app.t("zoom.in")} onClick={() => by(1.6)}>
        +
      </button>
      <button aria-label={app.t("zoom.out")} title={app.t("zoom.out")} onClick={() => by(1 / 1.6)}>
        −
      </button>
      <button aria-label={app.t("zoom.fit")} title={app.t("zoom.fit")} onClick={() => app.map.fit(undefined, 300)}>
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5" />
        </svg>
      </button>
    </div>
  );
}

/** What a first-time visitor is to know; once it was closed or followed it does not come back. */
function Hint({ app, frame }: { app: App; frame: Frame }) {
  const { t, state } = app;
  if (!frame.hint.value || state.pinned.value >= 0 || app.manifest.maps.length === 0) return null;
  const touch = matchMedia("(hover: none)").matches;
  return (
    <div class="hint" role="note">
      <span>{t(touch ? "hint.touch" : "hint")}</span>
      {frame.features.some((feature) => feature.id === "tour") && (
        <button class="button" onClick={() => (state.panel.value = "tour")}>
          {t("hint.tour")}
        </button>
      )}
      <button class="icon" aria-label={t("hint.close")} title={t("hint.close")} onClick={() => (frame.hint.value = false)}>
        ×
      </button>
    </div>
  );
}

/** Tools that features added, such as the lasso; moving the map is the first. */
function Tools({ page }: { page: Page }) {
  const { app } = page;
  const offered = page.toolButtons.value;
  if (!offered.length) return null;
  return (
    <div class="tools" role="group" aria-label={app.t("tools")}>
      {[{ id: "pan", icon: MOVE, title: "tool.pan" }, ...offered].map(({ id, icon, title }) => (
        <button
          key={id}
          id={`tool-${id}`}
          aria-pressed={app.state.tool.value === id}
          aria-label={app.t(title)}
          title={app.t(title)}
          onClick={() => (app.state.tool.value = id)}
        >
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d={icon} />
          </svg>
        </button>
      ))}
    </div>
  );
}
