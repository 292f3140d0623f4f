/** Step 1: an image, its latent vector as sliders, and what the decoder makes of it. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { App } from "../../contracts.ts";
import { complain } from "./common.ts";
import { Drawn } from "./Drawn.tsx";

const MOST = 16;

/** Sliders on the latent vector of an image; the decoder answers each move. */
export function Numbers({ app }: { app: App }) {
  const row = useSignal(0);
  const z = useSignal<Float32Array | null>(null);
  const own = useSignal<Float32Array | null>(null);
  const picture = useSignal<ImageData | null>(null);
  const original = useSignal<ImageData | null>(null);
  const reach = useSignal(3);

  useEffect(() => {
    let current = true;
    void app.latentsOf([row.value]).then((found) => {
      if (!current) return;
      own.value = found;
      z.value = Float32Array.from(found);
      reach.value = Math.max(1, ...found.map(Math.abs)) * 1.5;
    }, complain(app));
    void app.pictures?.rgba(row.value).then((found) => {
      if (current) original.value = found;
    }, complain(app));
    return () => {
      current = false;
    };
  }, [row.value]);
  useEffect(() => {
    if (!z.value) return;
    void app.decoder?.decode(z.value, [app.toldOf(row.value)], "tour").then((pixels) => {
      const [height, width] = app.manifest.shape;
      if (pixels) picture.value = new ImageData(new Uint8ClampedArray(pixels), width, height);
    }, complain(app));
  }, [z.value]);

  const change = (dimension: number, value: number) => {
    const next = Float32Array.from(z.value!);
    next[dimension] = value;
    z.value = next;
  };
  const other = () => (row.value = Math.floor(Math.random() * app.manifest.rows));
  return (
    <div class="tour-part">
      <div class="tour-pair">
        <Drawn image={original.value} label={app.t("tour.vector.image")} />
        <span aria-hidden="true">→</span>
        <div class="tour-sliders">
          {Array.from(z.value?.subarray(0, MOST) ?? [], (value, dimension) => (
            <input
              key={dimension}
              type="range"
              min={-reach.value}
              max={reach.value}
              step={reach.value / 50}
              value={value}
              aria-label={app.t("tour.vector.number", { number: dimension + 1 })}
              onInput={(event) => change(dimension, Number(event.currentTarget.value))}
            />
          ))}
        </div>
        <span aria-hidden="true">→</span>
        <Drawn image={picture.value} label={app.t("tour.vector.decoded")} />
      </div>
      <div class="tour-row">
        <button class="button" onClick={other}>
          {app.t("tour.vector.other")}
        </button>
        <button class="button" onClick={() => (z.value = own.value && Float32Array.from(own.value))}>
          {app.t("tour.vector.reset")}
        </button>
      </div>
    </div>
  );
}
