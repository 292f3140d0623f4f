/** The panel: a sheet to draw on, a place for files, and what the space says of the image. */

import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { App } from "../../contracts.ts";
import { Picture } from "../../parts/Picture.tsx";
import { Thumb } from "../../parts/Thumb.tsx";
import { TopOdds } from "../../parts/TopOdds.tsx";
import { fogWord } from "../../parts/fog.ts";
import { winners } from "../../parts/odds.ts";
import { take } from "./accept.ts";
import { landed, show } from "./landed.ts";
import { Sheet, usualPen } from "./sheet.ts";
import "./style.css";

const SIDE = 224;
const COLOURS = ["#ffffff", "#e33b3b", "#f2a33c", "#f5e05a", "#4caf50", "#3b82e3", "#8e5bd6", "#7a4f2b", "#000000"];

/** Draw, drop or choose an image. */
export function DrawPanel({ app }: { app: App }) {
  const { t, manifest } = app;
  const canvas = useRef<HTMLCanvasElement>(null);
  const sheet = useRef<Sheet | null>(null);
  const pen = useSignal(usualPen(SIDE, app.manifest.shape[1]));
  const colour = useSignal("#ffffff");
  const grey = manifest.shape[2] === 1;
  // Before it is seen, so that the first stroke is not lost.
  useLayoutEffect(() => {
    sheet.current = new Sheet(app, canvas.current!);
    return () => sheet.current?.stop();
  }, []);
  useLayoutEffect(() => sheet.current?.use(pen.value, colour.value), [pen.value, colour.value]);
  const forget = () => {
    sheet.current?.clear();
    landed.value = null;
    show(app);
  };
  return (
    <>
      <p>{t("draw.intro")}</p>
      <canvas
        ref={canvas}
        id="draw-sheet"
        class="draw-sheet"
        width={SIDE}
        height={SIDE}
        role="img"
        aria-label={t("draw.sheet")}
      />
      <div class="draw-row">
        <label class="field draw-pen">
          <span>{t("draw.pen")}</span>
          <input type="range" min={4} max={60} value={pen.value} onInput={(event) => (pen.value = Number(event.currentTarget.value))} />
        </label>
        <button class="button" onClick={forget}>
          {t("draw.clear")}
        </button>
      </div>
      {!grey && (
        <div class="draw-colours" role="radiogroup" aria-label={t("draw.colour")}>
          {COLOURS.map((each) => (
            <button
              key={each}
              role="radio"
              aria-checked={colour.value === each}
              aria-label={each}
              style={{ background: each }}
              onClick={() => (colour.value = each)}
            />
          ))}
        </div>
      )}
      <label class="button draw-file">
        {t("draw.file")}
        <input
          type="file"
          accept="image/*"
          onChange={(event) => {
            const file = event.currentTarget.files?.[0];
            if (file) void take(app, file);
            event.currentTarget.value = "";
          }}
        />
      </label>
      <Verdict app={app} />
    </>
  );
}

/** What the space makes of the image: decoded, odds, neighbours, how far from anything real. */
function Verdict({ app }: { app: App }) {
  const now = landed.value;
  const { t, manifest } = app;
  if (!now) return <p class="muted small">{t("draw.nothing")}</p>;
  const [height, width] = manifest.shape;
  const likeliest = now.odds ? winners(now.odds, now.odds.length)[0] : now.label;
  return (
    <section class="draw-verdict" aria-live="polite" data-label={likeliest}>
      <div class="draw-pair">
        <figure>
          <Picture rgba={now.image.data} width={width} height={height} size={96} label={t("draw.seen")} />
          <figcaption class="muted small">{t("draw.seen")}</figcaption>
        </figure>
        <figure>
          <Picture rgba={now.decoded} width={width} height={height} size={96} fog={now.fog} label={t("card.reconstruction")} />
          <figcaption class="muted small">{t("card.reconstruction")}</figcaption>
        </figure>
      </div>
      {now.odds && <TopOdds manifest={manifest} odds={now.odds} title={t("card.odds")} />}
      <p>{t(fogWord(now.fog))}</p>
      <div class="draw-near">
        {Array.from(now.near.rows, (row) => (
          <button key={row} class="thumb" aria-label={t("card.id", { id: app.columns.id(row) })} onClick={() => app.goTo(row)}>
            <Thumb app={app} row={row} size={36} />
          </button>
        ))}
      </div>
      <p class="muted small">{t("draw.drag")}</p>
    </section>
  );
}
