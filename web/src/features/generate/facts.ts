/** What a set of samples says in numbers: copies or not, and whether the class was met. */

import { shareBelow } from "../../parts/odds.ts";
import type { Sample } from "./sample.ts";

/** Numbers about a set of samples. */
export interface Facts {
  /** Median distance to the nearest training image. */
  own: number;
  /** The same of real images kept out of training, NaN where unknown. */
  real: number;
  /** How many lie closer to a training image than 99 of 100 real images do. */
  copies: number;
  /** How many read as the class asked for. */
  answered: number;
}

/** The facts of samples, against the quantiles 0..100% of `Manifest.fog`. */
export function factsOf(
  samples: Pick<Sample, "near" | "reads">[],
  fog: number[],
  label: number,
): Facts {
  const distances = samples.map((sample) => sample.near.distance).filter((d) => !Number.isNaN(d));
  return {
    own: median(distances),
    real: fog.length > 1 ? fog[Math.round((fog.length - 1) / 2)] : NaN,
    copies: fog.length > 1 ? distances.filter((d) => shareBelow(fog, d) < 0.01).length : 0,
    answered: samples.filter((sample) => sample.reads === label).length,
  };
}

/** The middle of numbers, NaN of none. */
export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 ? sorted[Math.floor(half)] : (sorted[half - 1] + sorted[half]) / 2;
}

/** A distance with three digits. */
export function length(value: number): string {
  return Number.isNaN(value) ? "?" : value < 10 ? value.toFixed(2) : value.toPrecision(3);
}
