/** New images like the selected ones: drawn from a Gaussian that is fitted on their latents. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { holds } from "../../parts/again.ts";
import { Picture } from "../../parts/Picture.tsx";
import { type App, type Extra, wordsOf } from "../../contracts.ts";
import { landing } from "../../parts/landing.ts";
import { amongOf, fogWithin } from "../../parts/within.ts";
import { commonTold } from "./NearPart.tsx";
import type { PartProps } from "./Panel.tsx";

const COUNTS = [8, 16, 32, 64];
const SIDE = 56;
const FLY = 400;
const OWNER = "select-like";

/** n drawn images with their latents. */
interface Samples {
  z: Float32Array;
  labels: Int16Array;
  images: Uint8ClampedArray;
  fog: Float32Array;
  places: Float32Array;
  map: string;
}

/** The question, the grid of images, and their points on the map. */
export function LikePart({ app, rows }: PartProps) {
  const { t } = app;
  const count = useSignal(16);
  const temperature = useSignal(1);
  const seed = useSignal(0);
  const busy = useSignal(false);
  const samples = useSignal<Samples | null>(null);
  useEffect(() => () => app.showExtras(OWNER, []), []);
  useEffect(() => holds(() => samples.peek() !== null), []);
  const among = commonTold(app, rows);
  const run = async () => {
    busy.value = true;
    try {
      const found = await draw(app, rows, count.value, temperature.value, seed.value);
      samples.value = found;
      if (found) app.showExtras(OWNER, extrasOf(app, found));
      seed.value += 1;
    } catch (error) {
      app.say(wordsOf(error), "error");
    } finally {
      busy.value = false;
    }
  };
  if (among === null) return <p class="select-note">{t("select.oneclass")}</p>;
  if (rows.length < 2) return <p class="select-note">{t("select.like.two")}</p>;
  return (
    <>
      <p class="select-note">{t("select.like.about")}</p>
      <div class="select-row select-fields">
        <label class="field select-short">
          <span>{t("select.like.count")}</span>
          <select
            value={count.value}
            onChange={(event) => (count.value = Number(event.currentTarget.value))}
          >
            {COUNTS.map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
          </select>
        </label>
        <label class="field">
          <span>
            {t("select.like.temperature")} {temperature.value.toFixed(2)}
          </span>
          <input
            type="range"
            min={0.1}
            max={1.5}
            step={0.05}
            value={temperature.value}
            onInput={(event) => (temperature.value = Number(event.currentTarget.value))}
          />
        </label>
        <button type="button" class="button primary" disabled={busy.value} onClick={() => void run()}>
          {t(samples.value ? "select.like.again" : "select.like.draw")}
        </button>
      </div>
      {samples.value && <Grid app={app} samples={samples.value} />}
      {samples.value && (
        <div class="select-row">
          <button
            type="button"
            class="button"
            onClick={() => {
              samples.value = null;
              app.showExtras(OWNER, []);
            }}
          >
            {t("select.like.clear")}
          </button>
        </div>
      )}
    </>
  );
}

async function draw(
  app: App,
  rows: Uint32Array,
  n: number,
  temperature: number,
  seed: number,
): Promise<Samples | null> {
  const latents = app.latents;
  const z = await latents.sampleLike(rows, n, temperature, seed, amongOf(app, app.toldOf(rows[0])));
  // The decoder is told the labels in the share that the selected rows have them.
  const labels = Int16Array.from({ length: n }, (_, i) =>
    app.toldOf(rows[Math.floor(((i + 0.5) * rows.length) / n)]),
  );
  const map = app.state.map.value;
  const [images, fog, places] = await Promise.all([
    app.decoder!.decode(z, labels, OWNER),
    fogWithin(app, z, labels),
    landing(app, z, labels),
  ]);
  return images && { z, labels, images, fog, places, map };
}

/** The RGBA bytes [H W 4] of one of the samples. */
function imageOf(app: App, samples: Samples, i: number): Uint8ClampedArray {
  const [height, width] = app.manifest.shape;
  const size = height * width * 4;
  return samples.images.subarray(i * size, (i + 1) * size);
}

function look(app: App, samples: Samples, i: number): void {
  const dim = app.manifest.latentDim;
  const [x, y] = samples.places.subarray(2 * i, 2 * i + 2);
  const z = samples.z.slice(i * dim, (i + 1) * dim);
  app.state.probe.value = { z, label: samples.labels[i], x, y };
  if (samples.map === app.state.map.value && Number.isFinite(x)) app.map.setView({ x, y }, FLY);
}

function extrasOf(app: App, samples: Samples): Extra[] {
  const [height, width] = app.manifest.shape;
  const colour = getComputedStyle(app.stage).getPropertyValue("--accent").trim() || "#3b6fe0";
  return Array.from(samples.labels, (_, i) => ({
    x: samples.places[2 * i],
    y: samples.places[2 * i + 1],
    colour,
    image: new ImageData(new Uint8ClampedArray(imageOf(app, samples, i)), width, height),
    onOpen: () => look(app, samples, i),
  })).filter((extra) => Number.isFinite(extra.x));
}

function Grid({ app, samples }: { app: App; samples: Samples }) {
  const [height, width] = app.manifest.shape;
  return (
    <div class="select-samples">
      {Array.from(samples.labels, (_, i) => {
        const about = app.t("select.like.one", {
          number: i + 1,
          fog: Math.round(samples.fog[i] * 100),
        });
        return (
          <button key={i} type="button" title={about} onClick={() => look(app, samples, i)}>
            <Picture
              rgba={imageOf(app, samples, i)}
              width={width}
              height={height}
              size={SIDE}
              fog={samples.fog[i]}
              label={about}
            />
          </button>
        );
      })}
    </div>
  );
}
