/** A walk as files: an animation, and a strip. */

import type { App } from "../../contracts.ts";
import { encodeGif } from "../../parts/gif.ts";
import { download, stem } from "../select/files.ts";
import type { Way } from "./way.ts";

const GIF_SIDE = 224;
const STRIP_SIDE = 112;
const DELAY = 140;
const END_DELAY = 900;

function fileName(app: App, way: Way, ending: string): string {
  const path = way.path === "linear" ? "straight" : "along-data";
  return `${stem(app.manifest.name)}-walk-${path}.${ending}`;
}

/** How many times pixels are enlarged so that the shorter side has about `side` of them. */
function enlarged(image: ImageData, side: number): number {
  return Math.max(1, Math.round(side / Math.min(image.width, image.height)));
}

/** Saves the frames as a GIF that plays over and over and rests at both ends. */
export function saveGif(app: App, way: Way): void {
  const scale = enlarged(way.images[0], GIF_SIDE);
  const last = way.images.length - 1;
  const frames = way.images.map((image, i) => ({
    rgba: repeated(image, scale),
    delay: i === 0 || i === last ? END_DELAY : DELAY,
  }));
  const { width, height } = way.images[0];
  const bytes = encodeGif(frames, width * scale, height * scale);
  download(fileName(app, way, "gif"), new Uint8Array(bytes), "image/gif");
}

/** RGBA of an image with each pixel as a square of `scale` x `scale`. */
function repeated(image: ImageData, scale: number): Uint8ClampedArray {
  const width = image.width * scale;
  const pixels = new Uint32Array(width * image.height * scale);
  const from = new Uint32Array(new Uint8ClampedArray(image.data).buffer);
  for (let i = 0; i < pixels.length; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    pixels[i] = from[Math.floor(y / scale) * image.width + Math.floor(x / scale)];
  }
  return new Uint8ClampedArray(pixels.buffer);
}

/** Saves the frames side by side as a PNG. */
export async function saveStrip(app: App, way: Way): Promise<void> {
  const gap = 2;
  const scale = enlarged(way.images[0], STRIP_SIDE);
  const [width, height] = [way.images[0].width * scale, way.images[0].height * scale];
  const canvas = new OffscreenCanvas(way.images.length * (width + gap) - gap, height);
  const context = canvas.getContext("2d")!;
  context.imageSmoothingEnabled = false;
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  for (const [i, image] of way.images.entries()) {
    const bitmap = await createImageBitmap(image);
    context.drawImage(bitmap, i * (width + gap), 0, width, height);
    bitmap.close();
  }
  download(fileName(app, way, "png"), await canvas.convertToBlob({ type: "image/png" }), "image/png");
}
