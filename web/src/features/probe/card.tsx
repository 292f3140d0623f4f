/** The card of the probe: picture, fog, odds, the way, and where it was decoded. */

import { useRef } from "preact/hooks";
import { type App, wordsOf } from "../../contracts.ts";
import { fogWord } from "../../parts/fog.ts";
import { NEAREST, wayNow, waysOf } from "../../parts/latentAt.ts";
import { nameOf } from "../../parts/odds.ts";
import { Picture } from "../../parts/Picture.tsx";
import { Term } from "../../parts/Term.tsx";
import { TopOdds } from "../../parts/TopOdds.tsx";
import { probeAt, type Live } from "./live.ts";

const SIDE = 184;
const NARROW_SIDE = 122;
/** Below this width of the map, as beside an open panel, the card takes less of it. */
const ROOMY = 960;
const STEP = 6;
const BIG_STEP = 36;
const MOVES: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
};

/** The card in the corner of the stage. */
export function ProbeCard({ app, live, pin }: { app: App; live: Live; pin: () => void }) {
  const shown = live.shown.value;
  const fog = live.facts.value?.fog ?? 0;
  const pinned = app.state.probe.value !== null;
  const narrow = isNarrow(app);
  return (
    <section
      class={`probe${pinned ? " probe-pinned" : ""}${narrow ? " probe-narrow" : ""}`}
      aria-label={app.t("probe.region")}
      data-fog={live.facts.value ? fog.toFixed(3) : ""}
      data-known={live.facts.value && live.facts.value.of === shown ? 1 : 0}
      data-x={shown?.probe.x}
      data-y={shown?.probe.y}
    >
      <header>
        <strong>{app.t("probe.title")}</strong>
        <button
          class="icon probe-pin"
          type="button"
          aria-pressed={pinned}
          aria-label={app.t(pinned ? "probe.unpin" : "probe.pin")}
          title={app.t(pinned ? "probe.unpin" : "probe.pin")}
          onClick={pin}
        >
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d="M9 3h6l-1 7 4 4H6l4-4zM12 14v7" />
          </svg>
        </button>
      </header>
      <Place app={app} live={live} pin={pin} fog={fog} pinned={pinned} />
      {shown && <FogBar app={app} fog={fog} />}
      {shown && <Odds app={app} live={live} />}
      <Ways app={app} live={live} />
      {shown && !narrow && !Number.isNaN(live.time.value) && (
        <p class="muted small probe-where">
          {app.t(app.decoder?.where === "server" ? "probe.server" : "probe.page", {
            ms: Math.max(1, Math.round(live.time.value)),
          })}
        </p>
      )}
    </section>
  );
}

function isNarrow(app: App): boolean {
  return app.map.size.value.width < ROOMY;
}

function Place({ app, live, pin, fog, pinned }: { app: App; live: Live; pin: () => void; fog: number; pinned: boolean }) {
  const [height, width] = app.manifest.shape;
  const shown = live.shown.value;
  const moving = useRef(Promise.resolve());
  const onKeyDown = (event: KeyboardEvent) => {
    const move = MOVES[event.key];
    if (!move && event.key !== "Enter") return;
    event.preventDefault();
    event.stopPropagation();
    if (!move) return pin();
    const step = event.shiftKey ? BIG_STEP : STEP;
    moving.current = moving.current.then(() => moveBy(app, live, move[0] * step, move[1] * step));
  };
  return (
    <div
      class="probe-place"
      tabIndex={0}
      role="group"
      aria-label={app.t("probe.picture", { fog: app.t(fogWord(fog)) })}
      onKeyDown={onKeyDown}
    >
      {shown ? (
        <Picture
          id="probe-picture"
          rgba={shown.pixels}
          width={width}
          height={height}
          size={isNarrow(app) ? NARROW_SIDE : SIDE}
          fog={fog}
          label={app.t(fogWord(fog))}
        />
      ) : (
        <p class="probe-start muted">{app.t(pinned || app.state.cursor.value ? "probe.waiting" : "probe.start")}</p>
      )}
    </div>
  );
}

/** Moves the probe by CSS pixels; from the middle of the window where there is none yet. */
async function moveBy(app: App, live: Live, dx: number, dy: number): Promise<void> {
  const view = app.map.view.peek();
  const from = app.state.probe.peek() ?? live.shown.peek()?.probe ?? view;
  try {
    const probe = await probeAt(app, from.x + dx / view.scale, from.y + dy / view.scale);
    if (probe) app.state.probe.value = probe;
  } catch (error) {
    app.say(wordsOf(error), "error");
  }
}

/** How far the place is from anything real, as a bar, a share and words. */
function FogBar({ app, fog }: { app: App; fog: number }) {
  const share = `${Math.round(100 * fog)}%`;
  const say = app.t(fogWord(fog));
  return (
    <div class="probe-fog">
      <span class="probe-name">
        <span class="muted">{app.t("term.fog")}</span>
        <Term app={app} word={app.t("term.fog")} about={app.t("term.fog.about")} />
      </span>
      <div
        class="fog-bar"
        role="meter"
        aria-label={app.t("term.fog")}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(100 * fog)}
        aria-valuetext={app.t("fog.value", { percent: share, words: say })}
      >
        <i style={{ left: share }} />
      </div>
      <b>{share}</b>
      <p>{say}</p>
    </div>
  );
}

function Odds({ app, live }: { app: App; live: Live }) {
  const { manifest } = app;
  const odds = live.facts.value?.odds;
  const told = live.shown.value?.probe.label ?? -1;
  if (!odds) return told < 0 ? null : <p class="small">{app.t("probe.told", { label: nameOf(manifest, told) })}</p>;
  return <TopOdds manifest={manifest} odds={odds} title={app.t("probe.odds")} />;
}

function Ways({ app, live }: { app: App; live: Live }) {
  const ways = waysOf(app);
  const now = wayNow(app);
  const rest = Math.max(0, app.manifest.latentDim - 2);
  return (
    <div class="probe-ways">
      {ways.length > 1 && (
        <div class="segments" role="radiogroup" aria-label={app.t("probe.ways")}>
          {ways.map((way) => (
            <button
              key={way}
              type="button"
              role="radio"
              aria-checked={way === now}
              onClick={() => live.choose(way)}
            >
              {app.t(`probe.way.${way}`)}
            </button>
          ))}
        </div>
      )}
      <p class="muted small">
        {app.t(`probe.about.${now}`, { rest, k: NEAREST })}{" "}
        {ways.includes("sheet") && (
          <Term app={app} word={app.t("term.sheet")} about={app.t("term.sheet.about", { D: app.manifest.latentDim })} />
        )}
      </p>
    </div>
  );
}
