/** The worker: nets and latents, asked by the page. It fetches nothing by itself. */

import { wordsOf } from "../contracts.ts";
import { unpackHalf } from "./half.ts";
import { LatentMaths } from "./latents.ts";
import type { Answer, MathOps, Ops, Question } from "./messages.ts";
import { netOps } from "./nets.ts";

let maths: LatentMaths | null = null;

function opened(): LatentMaths {
  if (!maths) throw new Error("the space has not been opened");
  return maths;
}

const mathOps: MathOps = {
  openSpace(space) {
    maths = new LatentMaths({ ...space, z: space.z && unpackHalf(space.z) });
  },
  addMap: (...args) => opened().addMap(...args),
  addMixture: (...args) => opened().addMixture(...args),
  nearest: (...args) => opened().nearest(...args),
  odds: (...args) => opened().odds(...args),
  fog: (...args) => opened().fog(...args),
  sample: (...args) => opened().sample(...args),
  sampleLike: (...args) => opened().sampleLike(...args),
  sampleAround: (...args) => opened().sampleAround(...args),
  walk: (...args) => opened().walk(...args),
  directions: (...args) => opened().directions(...args),
  directionsAmong: (...args) => opened().directionsAmong(...args),
  place: (...args) => opened().place(...args),
};

const ops: Ops = { ...netOps, ...mathOps };

self.onmessage = async ({ data }: MessageEvent<Question>) => {
  const { id, op, args } = data;
  let answer: Answer;
  try {
    const run = ops[op] as (...args: unknown[]) => unknown;
    answer = { id, value: await run(...args) };
  } catch (error) {
    answer = { id, error: wordsOf(error), broken: isBroken(error) };
  }
  self.postMessage(answer, { transfer: buffersOf(answer.value) });
};

/** Whether the runtime has gone down with the error, so that only a new worker helps. */
function isBroken(error: unknown): boolean {
  return error instanceof WebAssembly.RuntimeError || /\babort|out of memory|unreachable/i.test(wordsOf(error));
}

/** The buffers of an answer, which are handed over instead of copied. */
function buffersOf(value: unknown): ArrayBuffer[] {
  const parts = ArrayBuffer.isView(value) ? [value] : Object.values(value ?? {}).filter(ArrayBuffer.isView);
  const buffers = parts.map((part) => part.buffer).filter((buffer) => buffer instanceof ArrayBuffer);
  return [...new Set(buffers)];
}
