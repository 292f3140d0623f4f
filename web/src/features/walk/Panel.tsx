/** The panel: the ends, the film of each way, and its files. */

import type { App } from "../../contracts.ts";
import { Slider } from "../../parts/Field.tsx";
import { Film, type FilmFrame } from "../../parts/Film.tsx";
import { nameOf } from "../../parts/odds.ts";
import { Ends } from "./Ends.tsx";
import { DASH } from "./layer.ts";
import { Player } from "./Player.tsx";
import { saveGif, saveStrip } from "./save.ts";
import { flipsInWords, fogInWords, fogOfWay, frameInWords } from "./say.ts";
import { STEPS, storeOf } from "./store.ts";
import type { Way } from "./way.ts";

/** The panel "Walk". */
export function Panel({ app }: { app: App }) {
  const store = storeOf(app);
  const { t } = app;
  const ways = store.ways.value;
  // Colours follow it.
  void app.state.theme.value;
  const picking = store.picking.value;
  const ready = store.start.value !== null && store.end.value !== null;
  return (
    <div class="walk">
      <p class="walk-muted">{t(app.manifest.scope === "per-class" ? "walk.about.own" : "walk.about")}</p>
      <Ends app={app} />
      {picking && (
        <p class="walk-asking" role="status">
          {t("walk.picking", { letter: picking === "start" ? "A" : "B" })}
        </p>
      )}
      <Slider
        label={t("walk.steps")}
        value={store.steps.value}
        min={STEPS.least}
        max={STEPS.most}
        step={1}
        onInput={(steps) => (store.steps.value = steps)}
      />
      {store.why.value && (
        <p class="walk-why" role="alert">
          {store.why.value}
        </p>
      )}
      {!ready && !picking && <p class="walk-muted">{t("walk.hint")}</p>}
      {ready && store.busy.value && ways.length === 0 && (
        <p class="walk-muted" role="status">
          {t("walk.busy")}
        </p>
      )}
      {ways.length > 0 && <Player app={app} />}
      {ways.map((way) => (
        <Strip key={way.path} app={app} way={way} />
      ))}
      {store.busy.value && ways.length === 1 && (
        <p class="walk-muted" role="status">
          {t("walk.busy.graph")}
        </p>
      )}
      {ways.length > 0 && <p class="walk-muted">{t("walk.key")}</p>}
    </div>
  );
}

function Strip({ app, way }: { app: App; way: Way }) {
  const store = storeOf(app);
  const { manifest, t } = app;
  const name = (label: number): string => nameOf(manifest, label);
  const said = [
    flipsInWords(t, name, way.winners, way.flips),
    manifest.fog.length > 0 ? fogOfWay(t, way.fog) : "",
  ].filter(Boolean);
  const look = (frame: number): void => {
    store.playing.value = false;
    store.frame.value = frame;
  };
  return (
    <section class="walk-strip" data-path={way.path}>
      <h3>
        <svg width="26" height="8" aria-hidden="true">
          <path d="M1 4h24" stroke="currentColor" stroke-width="2" stroke-dasharray={DASH[way.path].join(" ")} />
        </svg>
        <span>{t(`walk.${way.path}`)}</span>
        <Save app={app} way={way} />
      </h3>
      <p aria-live="polite">{said.join(" ")}</p>
      {way.path === "linear" && bends(app) && (
        <p class="walk-muted walk-bend">{t("walk.bend", { D: manifest.latentDim })}</p>
      )}
      <Film
        manifest={manifest}
        frames={framesOf(app, way)}
        current={store.frame.value}
        label={t(`walk.${way.path}`)}
        others={t("walk.others")}
        fogWords={(fog) => fogInWords(t, fog)}
        onPick={look}
      />
    </section>
  );
}

/** Whether a straight way is none on the map: on the plane of the PCA it stays one. */
function bends({ manifest, state }: App): boolean {
  return !(manifest.pca && state.map.value === "pca" && !state.apart.value);
}

function Save({ app, way }: { app: App; way: Way }) {
  const path = app.t(`walk.${way.path}`);
  const [gif, png] = [app.t("walk.save.gif", { path }), app.t("walk.save.png", { path })];
  return (
    <span class="walk-buttons">
      <button type="button" class="button" aria-label={gif} title={gif} onClick={() => saveGif(app, way)}>
        GIF
      </button>
      <button type="button" class="button" aria-label={png} title={png} onClick={() => void saveStrip(app, way)}>
        PNG
      </button>
    </span>
  );
}

function framesOf(app: App, way: Way): FilmFrame[] {
  return way.images.map((image, i) => ({
    image,
    odds: way.odds?.[i] ?? null,
    winner: way.winners[i],
    flip: way.flips.some((flip) => flip.frame === i),
    fog: way.fog[i],
    words: frameInWords(app, way, i),
  }));
}
