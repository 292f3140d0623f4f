/** What odds say: the winning class, where it changes, and the parts of a bar. */

import type { Manifest } from "../contracts.ts";
import { onPaper } from "../shell/colours.ts";

/** One part of a stacked bar. */
export interface OddsPart {
  /** The class, -1: all others together. */
  label: number;
  /** 0..1; the parts of a bar sum to 1. */
  share: number;
}

/** One change of the winning class. */
export interface Flip {
  /** The first frame, from 0, at which the new class wins. */
  frame: number;
  from: number;
  to: number;
}

/** The parts of a bar of odds [K], the largest first: classes with less than `least`, and those
 * after the first `most`, are summed up as -1. */
export function oddsParts(odds: ArrayLike<number>, most = 4, least = 0.02): OddsPart[] {
  const all = Array.from(odds, (share, label) => ({ label, share }));
  const total = all.reduce((sum, part) => sum + part.share, 0);
  if (!(total > 0)) return [];
  const kept = all
    .map((part) => ({ ...part, share: part.share / total }))
    .sort((a, b) => b.share - a.share || a.label - b.label)
    .filter((part, place) => place === 0 || (place < most && part.share >= least));
  const rest = 1 - kept.reduce((sum, part) => sum + part.share, 0);
  return rest > 1e-6 ? [...kept, { label: -1, share: rest }] : kept;
}

/** The winning class of each row of odds [n K], -1 where the row holds no number: int16 [n]. */
export function winners(odds: ArrayLike<number>, classes: number): Int16Array {
  const best = new Int16Array(classes > 0 ? odds.length / classes : 0).fill(-1);
  for (let i = 0; i < best.length; i++) {
    let most = -Infinity;
    for (let k = 0; k < classes; k++) {
      const odd = odds[i * classes + k];
      if (odd > most) [most, best[i]] = [odd, k];
    }
  }
  return best;
}

/** The frames at which the winning class changes, in order; unknown frames (-1) are passed over. */
export function flipsOf(best: ArrayLike<number>): Flip[] {
  const flips: Flip[] = [];
  let before = -1;
  for (let frame = 0; frame < best.length; frame++) {
    const now = best[frame];
    if (now < 0) continue;
    if (before >= 0 && now !== before) flips.push({ frame, from: before, to: now });
    before = now;
  }
  return flips;
}

/** The share 0..1 of the quantiles (0, 1, ..., 100%, ascending) that a value reaches. */
export function shareBelow(quantiles: ArrayLike<number>, value: number): number {
  const steps = quantiles.length - 1;
  if (steps < 1 || Number.isNaN(value)) return NaN;
  if (value <= quantiles[0]) return 0;
  for (let i = 1; i <= steps; i++) {
    if (value > quantiles[i]) continue;
    const width = quantiles[i] - quantiles[i - 1];
    return (i - 1 + (width > 0 ? (value - quantiles[i - 1]) / width : 1)) / steps;
  }
  return 1;
}

/** Odds as a person reads them: 0.976 -> "98%", and never a certainty that is none. */
export function percent(share: number): string {
  if (Number.isNaN(share)) return "?";
  if (share > 0.99 && share < 1) return ">99%";
  if (share < 0.01 && share > 0) return "<1%";
  return `${Math.round(100 * share)}%`;
}

/** The name of a class, or `otherwise` where it is unknown. */
export function nameOf(manifest: Manifest, label: number, otherwise = "?"): string {
  return manifest.classes[label]?.name ?? otherwise;
}

/** The colour of a class, the grey of lines where it is unknown. */
export function colourOf(manifest: Manifest, label: number): string {
  return manifest.classes[label]?.colour ?? "#9aa0a6";
}

/** The colour of a class as it is legible on the page as it is now. */
export function shownColour(manifest: Manifest, label: number): string {
  return onPaper(colourOf(manifest, label), document.documentElement.dataset.theme === "dark");
}

/** Odds in one line, for a title or a reader of the screen: "4 71%, 9 25%". */
export function oddsInWords(manifest: Manifest, odds: ArrayLike<number>, others: string): string {
  return oddsParts(odds, 3)
    .filter((part) => part.label >= 0 || part.share >= 0.01)
    .map((part) => `${nameOf(manifest, part.label, others)} ${percent(part.share)}`)
    .join(", ");
}
