/** A latent vector as a word of the address. */

import type { Manifest } from "../../contracts.ts";
import { fittedClasses } from "../../shell/classes.ts";

/** With more numbers than this a vector would make a link that mail programs cut off. */
export const MOST_NUMBERS = 64;

const MARK = "z.";
// Beyond it nothing was ever encoded, and squares of sums lose their meaning.
const MOST = 1e6;

/** A vector with the label that the decoder is told, -1 for none. */
export interface Told {
  z: Float32Array;
  label: number;
}

/** Whether a word of the address is meant to be a vector. */
export function isVector(text: string): boolean {
  return text.startsWith(MARK);
}

/** `z.NUMBERS`, or `z.NUMBERS.LABEL` where the decoder is told a label: NUMBERS are float32,
 * little-endian, in base64url. Empty for a vector that a link does not hold. */
export function writeVector({ scope }: Manifest, { z, label }: Told): string {
  if (z.length > MOST_NUMBERS) return "";
  const bytes = new DataView(new ArrayBuffer(4 * z.length));
  z.forEach((value, d) => bytes.setFloat32(4 * d, value, true));
  const letters = btoa(String.fromCharCode(...new Uint8Array(bytes.buffer)));
  const numbers = letters.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  return MARK + numbers + (scope === "global" || label < 0 ? "" : `.${label}`);
}

/** The vector that `writeVector` wrote.
 * @throws RangeError for anything else, and for one of another space.
 */
export function readVector(manifest: Manifest, text: string): Told {
  const { latentDim: D, scope } = manifest;
  const [, numbers, told] = /^z\.([\w-]+)(?:\.(\d{1,5}))?$/.exec(text) ?? [];
  const length = Math.ceil((16 * D) / 3);
  if (D > MOST_NUMBERS || numbers?.length !== length) throw new RangeError(text);
  const label = told === undefined ? -1 : Number(told);
  const needed = { global: label < 0, conditional: true, "per-class": label >= 0 }[scope];
  if (!needed || label >= fittedClasses(manifest).length) throw new RangeError(text);
  const letters = atob(numbers.replace(/-/g, "+").replace(/_/g, "/"));
  const bytes = new DataView(Uint8Array.from(letters, (letter) => letter.charCodeAt(0)).buffer);
  const z = Float32Array.from({ length: D }, (_, d) => bytes.getFloat32(4 * d, true));
  if (!z.every((value) => Math.abs(value) <= MOST)) throw new RangeError(text);
  return { z, label };
}
