/** Arrays written as numpy reads them: `.npy` members in a stored zip, which is what `.npz` is. */

const ALIGN = 64;
const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const VERSION = 20;
/** 1 January 1980, the first day of a zip: the same selection gives the same bytes. */
const DAY_ONE = 0x0021;

type Bytes = Uint8Array<ArrayBuffer>;

let table: Uint32Array | null = null;

/** CRC-32 of bytes (IEEE 802.3, as zip wants it), a whole number from 0 to 2³² - 1. */
export function crc32(bytes: Uint8Array): number {
  table ??= Uint32Array.from({ length: 256 }, (_, n) => {
    let value = n;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    return value;
  });
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = table[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** One `.npy` file, version 1.0: `descr` is numpy's name of the type, for instance `<f4`. */
export function npy(descr: string, shape: number[], data: Uint8Array): Bytes {
  const sides = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const words = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${sides}), }`;
  const room = Math.ceil((10 + words.length + 1) / ALIGN) * ALIGN;
  const file = new Uint8Array(room + data.length);
  file.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
  new DataView(file.buffer).setUint16(8, room - 10, true);
  file.set(new TextEncoder().encode(words.padEnd(room - 11) + "\n"), 10);
  file.set(data, room);
  return file;
}

/** float32 values of some shape as a `.npy` file. */
export function npyFloats(values: Float32Array, shape: number[]): Bytes {
  return npy("<f4", shape, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
}

/** Whole numbers [n] as a `.npy` file of int64. */
export function npyIntegers(values: ArrayLike<number>): Bytes {
  const wide = BigInt64Array.from(Array.from(values), BigInt);
  return npy("<i8", [wide.length], new Uint8Array(wide.buffer));
}

/** Strings [n] as a `.npy` file of numpy's Unicode type, four bytes a character. */
export function npyStrings(values: string[]): Bytes {
  const points = values.map((value) => Array.from(value, (letter) => letter.codePointAt(0)!));
  const width = points.reduce((most, each) => Math.max(most, each.length), 1);
  const wide = new Uint32Array(width * values.length);
  points.forEach((each, i) => wide.set(each, i * width));
  return npy(`<U${width}`, [values.length], new Uint8Array(wide.buffer));
}

/** A zip of files that are stored as they are.
 * @throws RangeError from 4 GiB on, which this form of zip cannot hold. */
export function zip(files: { name: string; data: Uint8Array }[]): Bytes {
  const entries = files.map(({ name, data }) => ({
    name: new TextEncoder().encode(name),
    data,
    crc: crc32(data),
    at: 0,
  }));
  const size = entries.reduce((sum, e) => sum + 76 + 2 * e.name.length + e.data.length, 22);
  if (size >= 2 ** 32) throw new RangeError("the arrays are larger than 4 GiB; select fewer images");
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  let at = 0;
  const put = (bits: 16 | 32, ...values: number[]) => {
    for (const value of values) {
      if (bits === 16) view.setUint16(at, value, true);
      else view.setUint32(at, value, true);
      at += bits / 8;
    }
  };
  const bytes = (data: Uint8Array) => {
    out.set(data, at);
    at += data.length;
  };
  for (const entry of entries) {
    entry.at = at;
    put(32, LOCAL);
    put(16, VERSION, 0, 0, 0, DAY_ONE);
    put(32, entry.crc, entry.data.length, entry.data.length);
    put(16, entry.name.length, 0);
    bytes(entry.name);
    bytes(entry.data);
  }
  const start = at;
  for (const entry of entries) {
    put(32, CENTRAL);
    put(16, VERSION, VERSION, 0, 0, 0, DAY_ONE);
    put(32, entry.crc, entry.data.length, entry.data.length);
    put(16, entry.name.length, 0, 0, 0, 0);
    put(32, 0, entry.at);
    bytes(entry.name);
  }
  const length = at - start;
  put(32, END);
  put(16, 0, 0, entries.length, entries.length);
  put(32, length, start);
  put(16, 0);
  return out;
}

/** What `latlas encode -o` writes, for a selection: arrays z float32 [n, D], id int64 [n], and
 * label and split, text [n], empty where unknown. `latlas decode` reads it. */
export function npzOfVectors(
  z: Float32Array,
  dim: number,
  ids: number[],
  labels: string[],
  splits: string[],
): Bytes {
  return zip([
    { name: "z.npy", data: npyFloats(z, [ids.length, dim]) },
    { name: "label.npy", data: npyStrings(labels) },
    { name: "id.npy", data: npyIntegers(ids) },
    { name: "split.npy", data: npyStrings(splits) },
  ]);
}
