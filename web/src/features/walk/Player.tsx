/** The frame that is looked at, large, for each way; play, pause and scrub. */

import { useEffect } from "preact/hooks";
import type { App } from "../../contracts.ts";
import { OddsBar, Shot } from "../../parts/Film.tsx";
import { nameOf, percent } from "../../parts/odds.ts";
import { fogInWords } from "./say.ts";
import { storeOf } from "./store.ts";
import type { Way } from "./way.ts";

const PACE = 180;
/** Beats that it rests at each end. */
const REST = 4;

/** Large pictures with what they read as, and the controls of the film. */
export function Player({ app }: { app: App }) {
  const store = storeOf(app);
  const { t } = app;
  const ways = store.ways.value;
  const frame = store.frame.value;
  const of = ways[0].images.length;
  usePlaying(app);
  const look = (to: number): void => {
    store.playing.value = false;
    store.frame.value = to;
  };
  const playing = store.playing.value;
  return (
    <div class="walk-player">
      <div class="walk-screens">
        {ways.map((way) => (
          <Screen key={way.path} app={app} way={way} frame={Math.min(frame, of - 1)} />
        ))}
      </div>
      <div class="walk-controls">
        <button
          type="button"
          class="button primary walk-play"
          aria-label={t(playing ? "walk.pause" : "walk.play")}
          title={t(playing ? "walk.pause" : "walk.play")}
          onClick={() => (store.playing.value = !playing)}
        >
          <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
            <path d={playing ? "M3 2h4v12H3zM9 2h4v12H9z" : "M3 1.5v13l11-6.5z"} fill="currentColor" />
          </svg>
        </button>
        <input
          type="range"
          min={1}
          max={of}
          step={1}
          value={frame + 1}
          aria-label={t("walk.scrub")}
          aria-valuetext={t("walk.frame", { frame: frame + 1, of })}
          onInput={(event) => look(Number(event.currentTarget.value) - 1)}
        />
        <span class="walk-count">{t("walk.frame.short", { frame: frame + 1, of })}</span>
      </div>
    </div>
  );
}

function Screen({ app, way, frame }: { app: App; way: Way; frame: number }) {
  const { manifest, t } = app;
  const odds = way.odds?.[frame];
  const winner = way.winners[frame];
  const said = odds ? `${nameOf(manifest, winner)} ${percent(odds[winner])}` : "";
  return (
    <figure class="walk-screen">
      <figcaption>{t(`walk.${way.path}`)}</figcaption>
      <Shot image={way.images[frame]} alt={`${t(`walk.${way.path}`)}: ${said}`} />
      {odds && <OddsBar manifest={manifest} odds={odds} others={t("walk.others")} />}
      {odds && <b>{said}</b>}
      <span class="walk-muted">{fogInWords(t, way.fog[frame])}</span>
    </figure>
  );
}

/** Moves to the end and back, until it is stopped. */
function usePlaying(app: App): void {
  const store = storeOf(app);
  const playing = store.playing.value;
  useEffect(() => {
    if (!playing) return;
    let [by, wait] = [1, 0];
    const timer = setInterval(() => {
      // Paused, it stands at once: the timer itself is cleared only after the next frame.
      if (!store.playing.peek()) return;
      const last = (store.ways.peek()[0]?.images.length ?? 1) - 1;
      if (wait-- > 0) return;
      const next = store.frame.peek() + by;
      if (next >= 0 && next <= last) store.frame.value = next;
      if (next >= last || next <= 0) [by, wait] = [next >= last ? -1 : 1, REST];
    }, PACE);
    return () => clearInterval(timer);
  }, [playing, store]);
  useEffect(() => () => void (store.playing.value = false), [store]);
}
