/** What the page and its workers say to each other. */

import type { LatentMaths, SpaceData } from "./latents.ts";

/** What the worker needs to know of a space; `z` are half floats as they came. */
export type PackedSpace = Omit<SpaceData, "z"> & { z: ArrayBuffer | null };

/** What nets are asked. Buffers that come back are handed over, not copied. */
export interface NetOps {
  /** Starts the runtime out of the bytes of ort.wasm. */
  startRuntime(wasm: ArrayBuffer): Promise<void>;
  /** Makes a net known under a name. */
  openNet(net: string, onnx: ArrayBuffer): Promise<void>;
  /** Milliseconds of one decode of `n` latents of dimension D, the best of three. */
  timeDecode(net: string, n: number, dim: number, told: number): Promise<number>;
  /** z [n D] -> RGBA [n H W 4]. `told` [n]: labels for a decoder that is told one of `classes`. */
  decode(
    net: string,
    z: Float32Array,
    n: number,
    told: Int16Array | null,
    classes: number,
  ): Promise<Uint8ClampedArray>;
  /** Places [n 2] in 0..1 of the map -> latents [n D]. */
  sheet(net: string, unit: Float32Array): Promise<Float32Array>;
  /** Pixels [n H W C] in 0..1 -> latents [n D]. */
  encode(
    net: string,
    pixels: Float32Array,
    shape: [height: number, width: number, channels: number],
    told: Int16Array | null,
    classes: number,
  ): Promise<Float32Array>;
}

/** What is asked of the latents. */
export type MathOps = { openSpace(space: PackedSpace): void } & Pick<LatentMaths, keyof LatentMaths>;

/** Everything that a worker does. */
export type Ops = NetOps & MathOps;

/** One question to a worker. */
export interface Question {
  id: number;
  op: keyof Ops;
  args: unknown[];
}

/** What a worker answers; `broken`: it cannot be asked again. */
export interface Answer {
  id: number;
  value?: unknown;
  error?: string;
  broken?: boolean;
}
