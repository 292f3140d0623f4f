/** Names that a reader gives to images and that are no class of the space. */

import type { ClassInfo, Manifest } from "../contracts.ts";

const COLOURS = [
  "#063f80", "#ff961f", "#b11338", "#7ec4ff", "#6c0ec3", "#aa710b", "#b877d5", "#1cb38f", "#aedf9a", "#5c718d",
]; // prettier-ignore
const GOLDEN_ANGLE = 137.50776405;
const LIGHTNESS = [0.34, 0.62, 0.46, 0.74];

/** The classes of the page follow these names: they come after the `own` first classes, which are
 * those of the space, with colours of the same palette; the column of the labels knows them too,
 * and is made where the space has none.
 *
 * @param counts how many rows carry each name.
 */
export function setReaderClasses(manifest: Manifest, own: number, names: string[], counts: number[]): void {
  const { classes, columns } = manifest;
  const added = names.map((name, i) => ({ name, colour: classColour(own + i), count: counts[i], byReader: true }));
  classes.splice(own, classes.length - own, ...added);
  let column = columns.find((each) => each.name === "label");
  if (!column) {
    if (!names.length) return;
    column = { name: "label", title: "Label", kind: "class", dtype: "u1", names: [], colours: [] };
    columns.unshift(column);
  }
  column.names = classes.map((each) => each.name);
  column.colours = classes.map((each) => each.colour);
}

/** The classes that the models of the space know, which are its first ones: no names of a reader. */
export function fittedClasses(manifest: Manifest): ClassInfo[] {
  return manifest.classes.filter((each) => !each.byReader);
}

/** The classes that have a place in the space: where each has a model and a space of its own, a name
 * of a reader has neither. */
export function placedClasses(manifest: Manifest): ClassInfo[] {
  return manifest.scope === "per-class" ? fittedClasses(manifest) : manifest.classes;
}

/** `#rrggbb` of the class with a number: ten that are told apart, then hues by the golden angle. */
export function classColour(index: number): string {
  if (index < COLOURS.length) return COLOURS[index];
  const hue = (255 + GOLDEN_ANGLE * index) % 360;
  const light = LIGHTNESS[index % LIGHTNESS.length];
  const chroma = 0.62 * Math.min(light, 1 - light);
  const channel = (n: number) => {
    const k = (n + hue / 30) % 12;
    const value = light - chroma * Math.max(-1, Math.min(k - 3, 9 - k, 1));
    return Math.round(255 * value).toString(16).padStart(2, "0");
  };
  return `#${channel(0)}${channel(8)}${channel(4)}`;
}
