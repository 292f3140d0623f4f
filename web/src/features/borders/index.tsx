/** The borders of the classes, as the space's classifier draws them on the map. */

import { effect, signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import type { App, BordersInfo, Feature } from "../../contracts.ts";
import { addNote, Note } from "../../parts/notes.tsx";
import { JobButton, SpaceJob } from "../../parts/SpaceJob.tsx";
import { fittedClasses } from "../../shell/classes.ts";
import { Borders, bordersLayer } from "./layer.ts";
import { words } from "./words.ts";

function start(app: App): void {
  const turn = signal(0);
  const borders = new Borders(app, () => {
    turn.value++;
    app.map.redraw();
  });
  app.addLayer(bordersLayer(app, borders));
  app.addKey("b", "borders.key", () => (app.state.borders.value = !app.state.borders.value));
  effect(() => {
    void [app.state.borders.value, app.state.map.value, app.state.apart.value];
    app.map.redraw();
  });
  addNote(app.stage, "borders", <Said app={app} borders={borders} turn={turn} />);
}

function Said({ app, borders, turn }: { app: App; borders: Borders; turn: { value: number } }) {
  void turn.value;
  if (!app.state.borders.value) return null;
  const info = borders.info();
  if (!info) return <Missing app={app} />;
  if (app.state.apart.value) return <Why app={app} key="apart" about={app.t("borders.apart")} />;
  if (borders.isLoading(info)) return <p class="map-note" role="status">{app.t("borders.loading")}</p>;
  const { method, accuracy } = drawnBy(app, info);
  return (
    <Note app={app} key="by" id="borders by">
      <span>
        <strong>{app.t("borders.by", { method })}</strong>{" "}
        {accuracy !== null && app.t("borders.right", { percent: `${(100 * accuracy).toFixed(1)}%` })}{" "}
        {app.t("borders.pale")}
      </span>
    </Note>
  );
}

/** The classifier that drew the borders, in words, and its share of right answers, if known. */
function drawnBy(app: App, { method: name }: BordersInfo): { method: string; accuracy: number | null } {
  const { knn, linear } = app.manifest;
  const key = `borders.${name}`;
  const word = app.t(key);
  // Only these two are in the manifest, so of another nothing but its name is known.
  return { method: word === key ? name : word, accuracy: { knn, linear }[name]?.accuracy ?? null };
}

/** Why no borders are painted, with what can be done about it. */
function Why({ app, about, children }: { app: App; about: string; children?: ComponentChildren }) {
  return (
    <Note app={app} id="borders why" again>
      <span>{about}</span>
      {children}
    </Note>
  );
}

function Missing({ app }: { app: App }) {
  const { scope, knn, linear } = app.manifest;
  if (!fittedClasses(app.manifest).length) return <Why app={app} about={app.t("borders.labels")} />;
  if (scope !== "global") return <Why app={app} about={app.t("borders.told", { scope })} />;
  if (knn || linear) return <Why app={app} about={app.t("borders.map", { map: app.state.map.value })} />;
  const offer = app.server && !app.server.readOnly;
  return (
    <Why app={app} about={app.t("borders.missing")}>
      {offer ? <Fit app={app} /> : <span>{app.t(app.server ? "borders.readonly" : "borders.file")}</span>}
    </Why>
  );
}

const job = new SpaceJob();

function Fit({ app }: { app: App }) {
  // The manifest, and with it what the map offers, is another one then; the view is in the URL.
  const fit = () => void job.run(app, "/classifier", { method: "knn" }, () => app.say(app.t("borders.fitted")));
  return <JobButton app={app} job={job} start={app.t("borders.fit")} doing="borders.fitting" run={fit} />;
}

export const feature: Feature = { id: "borders", title: "borders.title", words, start };
