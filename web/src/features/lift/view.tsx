/** The ring as it stands over the map. */

import { useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { App } from "../../contracts.ts";
import { fogWord } from "../../parts/fog.ts";
import { Picture } from "../../parts/Picture.tsx";
import { Term } from "../../parts/Term.tsx";
import { FARTHEST_STEP, NEAREST_STEP, placeOf, stepped } from "./directions.ts";
import type { Around, Ring } from "./ring.ts";

const RADIUS = 112;
const THUMB = 58;
const REACH = RADIUS + THUMB / 2 + 8;
const FOOT = 74;

/** The ring with its eight pictures; nothing while it is closed. */
export function RingView({ app, ring }: { app: App; ring: Ring }) {
  if (!ring.middle.value) return null;
  return <OpenRing app={app} ring={ring} />;
}

function OpenRing({ app, ring }: { app: App; ring: Ring }) {
  const box = useRef<HTMLElement>(null);
  const around = ring.around.value;
  useSignalEffect(() => {
    const { width, height } = app.map.size.value;
    void app.map.view.value;
    const { x, y } = ring.place.value;
    if (!box.current) return;
    const [px, py] = app.map.toScreen(x, y);
    const left = Math.min(Math.max(px, REACH), Math.max(width - REACH, REACH));
    const top = Math.min(Math.max(py, REACH), Math.max(height - REACH - FOOT, REACH));
    box.current.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  });
  useFocus(box, around !== null);
  const onKeyDown = (event: KeyboardEvent) => {
    const turns = { ArrowUp: 1, ArrowDown: -1, "+": 1, "-": -1 }[event.key];
    if (event.key === "Escape") ring.close();
    else if (turns && (event.target as HTMLElement).tagName !== "INPUT") {
      ring.distance.value = stepped(ring.distance.peek(), turns);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <section ref={box} class="lift" role="dialog" aria-label={app.t("lift.ring")} onKeyDown={onKeyDown}>
      <svg class="lift-lines" viewBox={`${-REACH} ${-REACH} ${2 * REACH} ${2 * REACH}`} width={2 * REACH} height={2 * REACH} aria-hidden="true">
        <circle r={RADIUS} />
      </svg>
      {around && <Thumbs app={app} ring={ring} around={around} />}
      <Foot app={app} ring={ring} />
    </section>
  );
}

/** Opened by a key the ring takes the focus, once there is something to choose. */
function useFocus(box: { current: HTMLElement | null }, ready: boolean): void {
  useEffect(() => {
    if (ready && document.activeElement?.closest(".lift") === null) {
      box.current?.querySelector<HTMLElement>(".lift-way")?.focus({ preventScroll: true });
    }
  }, [ready]);
}

function Thumbs({ app, ring, around }: { app: App; ring: Ring; around: Around }) {
  const [height, width] = app.manifest.shape;
  const size = height * width * 4;
  const ways = around.fog.length;
  return (
    <>
      <div class="lift-middle">
        <Picture rgba={around.picture} width={width} height={height} size={THUMB + 14} label={app.t("probe.title")} />
      </div>
      {Array.from(around.fog, (fog, way) => {
        const [x, y] = placeOf(way, ways);
        const words = app.t("lift.go", {
          n: (way % (ways / 2)) + 1,
          sign: app.t(way < ways / 2 ? "lift.forwards" : "lift.backwards"),
          fog: app.t(fogWord(fog)),
        });
        return (
          <button
            key={way}
            type="button"
            class="lift-way"
            data-way={way}
            data-fog={fog.toFixed(3)}
            title={words}
            aria-label={words}
            style={{ transform: `translate(-50%, -50%) translate(${x * RADIUS}px, ${y * RADIUS}px)` }}
            onClick={() => void ring.go(way)}
          >
            <Picture
              rgba={around.pixels.subarray(way * size, (way + 1) * size)}
              width={width}
              height={height}
              size={THUMB}
              fog={fog}
              label={words}
            />
            <i style={{ width: `${Math.round(100 * fog)}%` }} />
          </button>
        );
      })}
    </>
  );
}

function Foot({ app, ring }: { app: App; ring: Ring }) {
  const distance = ring.distance.value;
  return (
    <div class="lift-foot">
      <p>{app.t("lift.about", { n: ring.around.value?.fog.length ?? 8, rest: app.manifest.latentDim - 2 })}</p>
      <div>
        <label>
          <span>{app.t("lift.distance")}</span>
          <input
            type="range"
            min={Math.log(NEAREST_STEP)}
            max={Math.log(FARTHEST_STEP)}
            step={0.01}
            value={Math.log(distance)}
            aria-valuetext={app.t("lift.spreads", { n: distance.toFixed(1) })}
            onInput={(event) => (ring.distance.value = Math.exp(Number(event.currentTarget.value)))}
          />
          <output>{distance.toFixed(1)}</output>
        </label>
        <Term app={app} word={app.t("term.spread")} about={app.t("term.spread.about")} />
        <button type="button" class="icon" aria-label={app.t("lift.close")} onClick={() => ring.close()}>
          ×
        </button>
      </div>
    </div>
  );
}
