/** Step 4: images that nobody took, drawn from the distribution of the latents. */

import { useSignal } from "@preact/signals";
import type { App, Extra } from "../../contracts.ts";
import { landing } from "../../parts/landing.ts";
import { complain } from "./common.ts";
import { Drawn } from "./Drawn.tsx";

const MANY = 12;

/** A button that draws twelve new images and shows where they lie. */
export function Generation({ app }: { app: App }) {
  const images = useSignal<ImageData[]>([]);
  const seed = useSignal(1);
  const busy = useSignal(false);
  const draw = async () => {
    busy.value = true;
    try {
      images.value = await drawn(app, seed.value);
      seed.value += 1;
    } catch (error) {
      complain(app)(error);
    }
    busy.value = false;
  };
  return (
    <div class="tour-part">
      <button class="button primary" disabled={busy.value} onClick={draw}>
        {app.t(images.value.length ? "tour.generate.again" : "tour.generate.draw", { n: MANY })}
      </button>
      <div class="tour-grid">
        {images.value.map((image, number) => (
          <Drawn key={number} image={image} side={44} />
        ))}
      </div>
      {images.value.length > 0 && <p class="muted small">{app.t("tour.generate.where")}</p>}
    </div>
  );
}

async function drawn(app: App, seed: number): Promise<ImageData[]> {
  const { manifest } = app;
  const mixture = manifest.mixtures.at(-1)!;
  const classes = manifest.scope === "global" ? [-1] : mixture.densities.map((each) => each.label).filter((each) => each >= 0);
  const parts: { z: Float32Array; label: number }[] = [];
  for (let i = 0; i < MANY; i++) {
    const label = classes[i % classes.length];
    parts.push({ z: await app.latents.sample(mixture.name, 1, label, 1, seed * MANY + i), label });
  }
  const D = manifest.latentDim;
  const z = new Float32Array(MANY * D);
  parts.forEach((part, i) => z.set(part.z, i * D));
  const labels = parts.map((part) => part.label);
  const pixels = await app.decoder!.decode(z, labels);
  if (!pixels) return [];
  const [height, width] = manifest.shape;
  const size = width * height * 4;
  const images = labels.map(
    (_, i) => new ImageData(new Uint8ClampedArray(pixels.subarray(i * size, (i + 1) * size)), width, height),
  );
  const places = await landing(app, z, labels);
  const extras: Extra[] = images.map((image, i) => ({
    x: places[2 * i],
    y: places[2 * i + 1],
    colour: "#a8540a",
    image,
  }));
  app.showExtras("tour", extras.filter((extra) => !Number.isNaN(extra.x)));
  return images;
}
