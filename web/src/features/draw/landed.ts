/** The image that was drawn or dropped, and where it landed. */

import { signal } from "@preact/signals";
import { PageError, type App, type Near } from "../../contracts.ts";
import { explain, pixelsOf } from "../../parts/explain.ts";

/** An image from outside on its place in the space. */
export interface Landed {
  /** RGBA [H W 4] as the encoder takes it. */
  image: ImageData;
  z: Float32Array;
  /** What the decoder makes of z, RGBA. */
  decoded: Uint8ClampedArray;
  /** The class whose model it went to; -1 where one model serves all. */
  label: number;
  odds: Float32Array | null;
  near: Near;
  fog: number;
  x: number;
  y: number;
}

/** What lies there now, or null. */
export const landed = signal<Landed | null>(null);

/** Encodes an image of the space's size and shows it on the map. */
export async function land(app: App, image: ImageData): Promise<void> {
  const channels = app.manifest.shape[2];
  const ways = await explain(app, pixelsOf(image, channels));
  if (!ways.length) throw new PageError(app.t("draw.nonet"));
  await settle(app, image, ways[0].z, ways[0].rgba, ways[0].label);
}

/** Finds out everything about a latent vector and puts it on the map; `at`: where it was dragged. */
export async function settle(
  app: App,
  image: ImageData,
  z: Float32Array,
  decoded: Uint8ClampedArray,
  label: number,
  at?: { x: number; y: number },
): Promise<void> {
  const map = app.state.map.peek();
  const among = app.manifest.scope === "per-class" ? label : -1;
  const [near, odds, fog, place] = await Promise.all([
    app.latents.nearest(z, 8, -1, among),
    app.latents.odds(z),
    app.latents.fog(z),
    at || app.manifest.scope === "per-class" || !map ? null : app.latents.place(z, map),
  ]);
  const spot = at ?? (place ? { x: place[0], y: place[1] } : placeOf(app, near.rows[0]));
  landed.value = { image, z, decoded, label, odds, near, fog: fog[0], ...spot };
  show(app);
}

function placeOf(app: App, row: number): { x: number; y: number } {
  const places = app.map.places;
  return row === undefined ? { x: NaN, y: NaN } : { x: places[2 * row], y: places[2 * row + 1] };
}

/** Shows the landed image as a point of its own. */
export function show(app: App): void {
  const now = landed.peek();
  if (!now || Number.isNaN(now.x)) {
    app.showExtras("draw", []);
    return;
  }
  app.showExtras("draw", [
    { x: now.x, y: now.y, colour: "#a8540a", image: now.image, onOpen: () => (app.state.panel.value = "draw") },
  ]);
}

/** Any picture -> RGBA of the space's size: the middle is kept, as `latlas fit` crops. */
export async function fitted(app: App, picture: ImageBitmap, pad: boolean): Promise<ImageData> {
  const [height, width] = app.manifest.shape;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
  context.fillStyle = pad ? "#000" : "#fff";
  context.fillRect(0, 0, width, height);
  const scale = (pad ? Math.min : Math.max)(width / picture.width, height / picture.height);
  const [w, h] = [picture.width * scale, picture.height * scale];
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, (width - w) / 2, (height - h) / 2, w, h);
  return context.getImageData(0, 0, width, height);
}
