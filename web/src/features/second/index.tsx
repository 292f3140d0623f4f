/** A second map beside the main one: the same images, linked both ways. */

import { signal, useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { type App, type Feature, wordsOf } from "../../contracts.ts";
import { JobButton, SpaceJob } from "../../parts/SpaceJob.tsx";
import { openSecond, otherMap, type SecondMap } from "./map.ts";
import "./style.css";
import { words } from "./words.ts";

const PATIENCE = 400;
const SWAP = "M7 4L3 8l4 4M3 8h14M17 12l4 4-4 4M21 16H7";
const WHOLE = "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5";
const ICON = "M3 5h8v14H3zM15 5h6v14h-6M6 10h.01M8 14h.01M17.5 9h.01M18 15h.01";

/** The map that the reader chose, which may be the one that the main map shows now. */
const chosen = signal("");
/** A map that is being drawn. */
const job = new SpaceJob();

function start(app: App): void {
  const names = app.manifest.maps.map((map) => map.name);
  app.keepInUrl("second", chosen, (name) => name, (name) => {
    if (!names.includes(name)) throw new RangeError(name);
    return name;
  });
}

function Panel({ app }: { app: App }) {
  const names = app.manifest.maps.map((map) => map.name);
  const name = otherMap(names, app.state.map.value, chosen.value);
  return name === undefined ? <Missing app={app} /> : <Linked app={app} name={name} />;
}

function Linked({ app, name }: { app: App; name: string }) {
  const { manifest, state, t } = app;
  const place = useRef<HTMLDivElement>(null);
  const second = useRef<SecondMap | null>(null);
  const waiting = useSignal(false);
  const info = manifest.maps.find((map) => map.name === name)!;
  const trust = info.scores.trustworthiness;
  useLayoutEffect(() => {
    const opened = openSecond(app, place.current!);
    second.current = opened;
    return () => opened.close();
  }, []);
  useEffect(() => {
    const timer = setTimeout(() => (waiting.value = true), PATIENCE);
    const done = () => {
      clearTimeout(timer);
      waiting.value = false;
    };
    second.current!.show(name).catch((error: unknown) => app.say(wordsOf(error), "error")).finally(done);
    return done;
  }, [name, state.apart.value]);
  const swap = () => {
    chosen.value = state.map.value;
    state.map.value = name;
  };
  return (
    <>
      <p class="muted small">{t("second.how")}</p>
      <div class="second-bar">
        <select
          id="second-choice"
          aria-label={t("second.choice")}
          value={name}
          onChange={(event) => (chosen.value = event.currentTarget.value)}
        >
          {manifest.maps
            .filter((map) => map.name !== state.map.value)
            .map((map) => (
              <option key={map.name} value={map.name}>
                {map.title}
              </option>
            ))}
        </select>
        <Button label={t("second.swap")} icon={SWAP} run={swap} />
        <Button label={t("zoom.fit")} icon={WHOLE} run={() => second.current!.fit()} />
      </div>
      <div class="second-place">
        <div
          ref={place}
          class="stage"
          id="second-stage"
          role="application"
          tabIndex={0}
          aria-label={t("second.stage", { title: info.title, count: manifest.rows.toLocaleString() })}
        />
        {waiting.value && <p class="muted">{t("loading", { what: info.title })}</p>}
      </div>
      {trust !== undefined && <p class="muted small">{t("trust", { percent: `${(trust * 100).toFixed(1)}%` })}</p>}
    </>
  );
}

function Button({ label, icon, run }: { label: string; icon: string; run: () => void }) {
  return (
    <button type="button" class="icon" aria-label={label} title={label} onClick={run}>
      <svg viewBox="0 0 24 24" aria-hidden="true">
        <path d={icon} />
      </svg>
    </button>
  );
}

/** Why there is no second map, and how to get one. */
function Missing({ app }: { app: App }) {
  const { manifest, server, t } = app;
  const method = manifest.maps.some((map) => map.name === "tsne") ? "pca" : "tsne";
  return (
    <>
      <p>{t("second.only", { title: manifest.maps[0].title })}</p>
      {server && !server.readOnly && (
        <div>
          <JobButton
            app={app}
            job={job}
            class="primary"
            start={t(`second.make.${method}`)}
            doing="second.making"
            run={() => void job.run(app, "/map", { name: method })}
          />
        </div>
      )}
      <p class="muted">{t(server ? "second.command" : "second.export")}</p>
      <code class="second-command">
        latlas map {manifest.name}.latlas --method {method}
      </code>
    </>
  );
}

/** The feature; see `Feature`. */
export const feature: Feature = {
  id: "second",
  title: "second.title",
  icon: ICON,
  available: (app) => app.manifest.maps.length > 0,
  start,
  Panel,
  words,
};
