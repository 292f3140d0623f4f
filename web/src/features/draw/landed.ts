/** The image that was drawn or dropped, and where it landed. */

import { signal } from "@preact/signals";
import { PageError, type App, type Near } from "../../contracts.ts";
import { explain, pixelsOf } from "../../parts/explain.ts";
import { landing } from "../../parts/landing.ts";
import { amongOf } from "../../parts/within.ts";

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

let turns = 0;

/** Takes the landed image over; the answer says whether nothing has taken it over since. */
export function taken(): () => boolean {
  const mine = ++turns;
  return () => mine === turns;
}

/** Encodes an image of the space's size and shows it on the map. */
export async function land(app: App, image: ImageData): Promise<void> {
  const channels = app.manifest.shape[2];
  const wanted = taken();
  const ways = await explain(app, pixelsOf(image, channels));
  if (!ways.length) throw new PageError(app.t("draw.nonet"));
  await settle(app, image, ways[0].z, ways[0].rgba, ways[0].label, wanted);
}

/** Finds out everything about a latent vector and puts it on the map.
 *
 * @param wanted whether it is still asked for once all is known: what took longer than a later one is dropped.
 * @param at where it was dragged.
 */
export async function settle(
  app: App,
  image: ImageData,
  z: Float32Array,
  decoded: Uint8ClampedArray,
  label: number,
  wanted: () => boolean,
  at?: { x: number; y: number },
): Promise<void> {
  const among = amongOf(app, label);
  const [near, odds, fog, place] = await Promise.all([
    app.latents.nearest(z, 8, -1, among),
    app.latents.odds(z),
    app.latents.fog(z, among),
    at ? null : landing(app, z, [label]),
  ]);
  if (!wanted()) return;
  const spot = at ?? { x: place![0], y: place![1] };
  landed.value = { image, z, decoded, label, odds, near, fog: fog[0], ...spot };
  show(app);
}

/** Puts what lies there where it lands on the map as it is now. */
export async function placeAgain(app: App): Promise<void> {
  const [now, placed] = [landed.peek(), app.map.placed.peek()];
  if (!now) return;
  // Where the latents cannot be had the image was not placed before either.
  const [x, y] = await landing(app, now.z, [now.label]).catch(() => [NaN, NaN]);
  if (landed.peek() !== now || placed !== app.map.placed.peek()) return;
  landed.value = { ...now, x, y };
  show(app);
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

/** Whether `latlas fit` brought images of another size in whole, on black, instead of cropping. */
export function pads(app: App): boolean {
  return app.manifest.resize === "pad";
}

/** Any picture -> RGBA of the space's size, as `latlas fit` brings it there: the middle that fills
 * the frame, or, with `pad`, the whole on black. */
export function fitted(app: App, picture: ImageBitmap, pad: boolean): ImageData {
  const [height, width] = app.manifest.shape;
  const scale = (pad ? Math.min : Math.max)(width / picture.width, height / picture.height);
  const [w, h] = [picture.width * scale, picture.height * scale];
  const context = blank(width, height, pad ? "#000" : "#fff");
  context.drawImage(halved(picture, w, h), (width - w) / 2, (height - h) / 2, w, h);
  return context.getImageData(0, 0, width, height);
}

/** A picture halved for as long as it stays at least w x h: each pixel is then the mean of those
 * that it stands for, where shrinking in one go would pass over most of them. */
function halved(picture: ImageBitmap, w: number, h: number): ImageBitmap | OffscreenCanvas {
  let now: ImageBitmap | OffscreenCanvas = picture;
  while (now.width >= 2 * w && now.height >= 2 * h && now.width >= 2 && now.height >= 2) {
    const [width, height] = [Math.floor(now.width / 2), Math.floor(now.height / 2)];
    const context = blank(width, height, "#fff0");
    context.drawImage(now, 0, 0, width, height);
    now = context.canvas;
  }
  return now;
}

function blank(width: number, height: number, colour: string): OffscreenCanvasRenderingContext2D {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
  context.fillStyle = colour;
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  return context;
}
