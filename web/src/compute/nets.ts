/** Nets in WebAssembly; runs in the worker. */

import * as ort from "../../node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs";
import type { NetOps } from "./messages.ts";

const TRIES = 3;

const nets = new Map<string, ort.InferenceSession>();

/** The nets of this worker. One thread: more need headers that a file and most hosts cannot set. */
export const netOps: NetOps = {
  async startRuntime(wasm) {
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.proxy = false;
    ort.env.wasm.wasmBinary = wasm;
    ort.env.logLevel = "error";
  },

  async openNet(net, onnx) {
    const options = { executionProviders: ["wasm"], graphOptimizationLevel: "all" } as const;
    nets.set(net, await ort.InferenceSession.create(new Uint8Array(onnx), options));
  },

  async timeDecode(net, n, dim, told) {
    const z = new Float32Array(n * dim);
    const labels = told ? new Int16Array(n) : null;
    let best = Infinity;
    // The first run also lays out memory, so it does not count.
    for (let run = 0; run <= TRIES; run++) {
      const start = performance.now();
      await netOps.decode(net, z, n, labels, told);
      if (run > 0) best = Math.min(best, performance.now() - start);
    }
    return best;
  },

  async decode(net, z, n, told, classes) {
    const image = await run(net, "z", new ort.Tensor("float32", z, [n, z.length / n]), told, classes);
    const [, channels, height, width] = image.dims;
    return toRgba(image.data as Float32Array, n, channels, height * width);
  },

  async sheet(net, unit) {
    const z = await run(net, "xy", new ort.Tensor("float32", unit, [unit.length / 2, 2]), null, 0);
    return (z.data as Float32Array).slice();
  },

  async encode(net, pixels, [height, width, channels], told, classes) {
    const n = pixels.length / (height * width * channels);
    const planes = toPlanes(pixels, n, height * width, channels);
    const image = new ort.Tensor("float32", planes, [n, channels, height, width]);
    const z = await run(net, "image", image, told, classes);
    return (z.data as Float32Array).slice();
  },
};

async function run(
  net: string,
  input: string,
  tensor: ort.Tensor,
  told: Int16Array | null,
  classes: number,
): Promise<ort.Tensor> {
  const session = nets.get(net);
  if (!session) throw new Error(`the net ${net} has not been loaded`);
  const feeds: Record<string, ort.Tensor> = { [input]: tensor };
  if (told && session.inputNames.includes("label")) {
    feeds.label = new ort.Tensor("float32", oneHot(told, classes), [told.length, classes]);
  }
  const results = await session.run(feeds);
  return results[session.outputNames[0]];
}

/** Labels [n] -> float32 [n K] of 0 and 1; zeros where the label is -1. */
export function oneHot(told: ArrayLike<number>, classes: number): Float32Array {
  const hot = new Float32Array(told.length * classes);
  for (let row = 0; row < told.length; row++) if (told[row] >= 0) hot[row * classes + told[row]] = 1;
  return hot;
}

/** Images [n C P] in 0..1 -> RGBA [n P 4]; one channel is grey, of more the first three count. */
export function toRgba(image: Float32Array, n: number, channels: number, pixels: number): Uint8ClampedArray {
  const rgba = new Uint8ClampedArray(n * pixels * 4);
  const plane = (c: number) => (channels >= 3 ? c : 0) * pixels;
  for (let row = 0, out = 0; row < n; row++) {
    const at = row * channels * pixels;
    const [red, green, blue] = [at + plane(0), at + plane(1), at + plane(2)];
    for (let p = 0; p < pixels; p++, out += 4) {
      // The array rounds and clamps by itself.
      rgba[out] = image[red + p] * 255;
      rgba[out + 1] = image[green + p] * 255;
      rgba[out + 2] = image[blue + p] * 255;
      rgba[out + 3] = 255;
    }
  }
  return rgba;
}

/** Pixels [n P C] -> planes [n C P]. */
export function toPlanes(pixels: Float32Array, n: number, count: number, channels: number): Float32Array {
  if (channels === 1) return pixels;
  const planes = new Float32Array(pixels.length);
  for (let row = 0; row < n; row++) {
    const at = row * count * channels;
    for (let p = 0; p < count; p++) {
      for (let c = 0; c < channels; c++) planes[at + c * count + p] = pixels[at + p * channels + c];
    }
  }
  return planes;
}
