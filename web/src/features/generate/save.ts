/** Samples as files: the grid as a PNG, the latents as an npz. */

import type { App } from "../../contracts.ts";
import { nameOf } from "../../parts/odds.ts";
import { download, stem } from "../select/files.ts";
import { npyFloats, npyIntegers, npyStrings, zip } from "../select/npz.ts";
import type { Sample } from "./sample.ts";
import { storeOf } from "./store.ts";

const LEAST_SIDE = 56;

/** Saves the grid as it is shown: with the nearest real images where they stand beside. */
export async function savePng(app: App): Promise<void> {
  const store = storeOf(app);
  const samples = store.samples.peek();
  const pairs = store.pairs.peek() && app.pictures !== null;
  const reals = pairs ? await Promise.all(samples.map((sample) => realOf(app, sample))) : [];
  const [height, width] = app.manifest.shape;
  const scale = Math.max(1, Math.round(LEAST_SIDE / Math.min(height, width)));
  const columns = Math.ceil(Math.sqrt(samples.length));
  const gap = 2;
  const [cellWidth, cellHeight] = [width * scale * (pairs ? 2 : 1) + 2 * gap, height * scale + 2 * gap];
  const canvas = new OffscreenCanvas(columns * cellWidth, Math.ceil(samples.length / columns) * cellHeight);
  const context = canvas.getContext("2d")!;
  context.imageSmoothingEnabled = false;
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  for (const [i, sample] of samples.entries()) {
    const [x, y] = [(i % columns) * cellWidth + gap, Math.floor(i / columns) * cellHeight + gap];
    const size = [width * scale, height * scale] as const;
    await paint(context, sample.image, x, y, ...size);
    const real = reals[i];
    if (real) await paint(context, real, x + size[0], y, ...size);
  }
  const blob = await canvas.convertToBlob({ type: "image/png" });
  download(`${stem(app.manifest.name)}-samples.png`, blob, "image/png");
}

async function paint(
  context: OffscreenCanvasRenderingContext2D,
  image: ImageData,
  ...box: [x: number, y: number, width: number, height: number]
): Promise<void> {
  const bitmap = await createImageBitmap(image);
  context.drawImage(bitmap, ...box);
  bitmap.close();
}

async function realOf(app: App, sample: Sample): Promise<ImageData | null> {
  return sample.near.row < 0 || !app.pictures ? null : app.pictures.rgba(sample.near.row);
}

/** Saves z float32 [n, D] with label (as told, else as read), nearest_id and nearest_distance. */
export function saveNpz(app: App): void {
  const { manifest } = app;
  const samples = storeOf(app).samples.peek();
  const z = new Float32Array(samples.length * manifest.latentDim);
  samples.forEach((sample, i) => z.set(sample.z, i * manifest.latentDim));
  const near = samples.map(({ near: { row } }) => (row < 0 ? -1 : app.columns.id(row)));
  const labels = samples.map(({ told, reads }) => nameOf(manifest, told < 0 ? reads : told, ""));
  const distances = Float32Array.from(samples, (sample) => sample.near.distance);
  const data = zip([
    { name: "z.npy", data: npyFloats(z, [samples.length, manifest.latentDim]) },
    { name: "label.npy", data: npyStrings(labels) },
    { name: "nearest_id.npy", data: npyIntegers(near) },
    { name: "nearest_distance.npy", data: npyFloats(distances, [samples.length]) },
  ]);
  download(`${stem(manifest.name)}-samples.npz`, data, "application/octet-stream");
}
