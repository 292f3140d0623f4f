/** A walk in words. */

import type { App } from "../../contracts.ts";
import { nameOf, oddsInWords, type Flip } from "../../parts/odds.ts";
import type { Way } from "./way.ts";

/** Flips that are told one by one; of more only how many. */
const TOLD = 3;

/** Where the answer flips: "turns from 4 into 9 at frame 7 of 12." Empty without odds. */
export function flipsInWords(
  t: App["t"],
  name: (label: number) => string,
  winners: ArrayLike<number>,
  flips: Flip[],
): string {
  const of = winners.length;
  if (of === 0 || winners[0] < 0) return "";
  const [first, ...rest] = flips;
  if (!first) return t("walk.stays", { name: name(winners[0]) });
  const frame = (flip: Flip) => ({ frame: flip.frame + 1, of, from: name(flip.from), to: name(flip.to) });
  if (flips.length > TOLD) {
    const last = flips[flips.length - 1];
    return t("walk.flips", { ...frame(first), count: flips.length, last: name(last.to) });
  }
  return [t("walk.flip", frame(first)), ...rest.map((flip) => t("walk.then", frame(flip)))].join(" ");
}

/** One frame in words, for its title and for readers of the screen. */
export function frameInWords(app: App, way: Way, i: number): string {
  const { manifest, t } = app;
  const parts = [t("walk.frame", { frame: i + 1, of: way.images.length })];
  if (way.odds) parts.push(oddsInWords(manifest, way.odds[i], t("walk.others")));
  const flip = way.flips.find((each) => each.frame === i);
  if (flip) parts.push(t("walk.flip.here", { from: nameOf(manifest, flip.from), to: nameOf(manifest, flip.to) }));
  parts.push(fogInWords(t, way.fog[i]));
  return parts.join(" · ");
}

/** How far from anything real, in words. */
export function fogInWords(t: App["t"], fog: number): string {
  if (fog <= 0) return t("walk.fog.clear");
  if (fog >= 1) return t("walk.fog.full");
  return t("walk.fog.some", { percent: Math.round(100 * fog) });
}

/** What the fog of a whole way says. */
export function fogOfWay(t: App["t"], fog: ArrayLike<number>): string {
  const foggy = Array.from(fog).filter((each) => each > 0).length;
  return foggy === 0 ? t("walk.fog.none") : t("walk.fog.frames", { count: foggy, of: fog.length });
}
