import assert from "node:assert/strict";
import { test } from "node:test";

import { encodeGif, packLzw } from "../src/parts/gif.ts";

/** Plain LZW of a GIF, written from its specification, to read what was packed. */
function unpackLzw(bytes: Uint8Array, least: number): number[] {
  const clear = 1 << least;
  const out: number[] = [];
  let [table, size, place]: [number[][], number, number] = [[], least + 1, 0];
  const read = (): number => {
    let code = 0;
    for (let bit = 0; bit < size; bit++, place++) {
      code |= ((bytes[place >> 3] >> (place & 7)) & 1) << bit;
    }
    return code;
  };
  const fresh = (): void => {
    table = Array.from({ length: clear + 2 }, (_, i) => [i]);
    size = least + 1;
  };
  fresh();
  let before: number[] | null = null;
  for (let code = read(); code !== clear + 1; code = read()) {
    if (code === clear) {
      fresh();
      before = null;
      continue;
    }
    assert.ok(code <= table.length, "a code that the reader cannot know");
    const entry: number[] = table[code] ?? [...before!, before![0]];
    out.push(...entry);
    if (before !== null && table.length < 4096) table.push([...before, entry[0]]);
    if (table.length === 1 << size && size < 12) size++;
    before = entry;
  }
  assert.ok(Math.ceil(place / 8) === bytes.length, "bytes are left after the end");
  return out;
}

function noise(count: number, below: number, seed = 1): Uint8Array {
  const out = new Uint8Array(count);
  for (let i = 0, s = seed; i < count; i++) {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    out[i] = (s >>> 16) % below;
  }
  return out;
}

interface Read {
  width: number;
  height: number;
  frames: { delay: number; rgb: number[] }[];
}

function readGif(bytes: Uint8Array): Read {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  assert.equal(new TextDecoder().decode(bytes.subarray(0, 6)), "GIF89a");
  const [width, height] = [view.getUint16(6, true), view.getUint16(8, true)];
  const colours = 2 << (bytes[10] & 7);
  const palette = bytes.subarray(13, 13 + 3 * colours);
  const frames: Read["frames"] = [];
  let at = 13 + 3 * colours;
  let delay = -1;
  for (; bytes[at] !== 0x3b; ) {
    if (bytes[at] === 0x21) {
      if (bytes[at + 1] === 0xf9) delay = 10 * view.getUint16(at + 4, true);
      at += 2;
    } else {
      assert.equal(bytes[at], 0x2c);
      at += 10;
    }
    const least = bytes[at - 10] === 0x2c && bytes[at - 1] === 0 ? bytes[at++] : -1;
    const data: number[] = [];
    for (; bytes[at] !== 0; at += bytes[at] + 1) data.push(...bytes.subarray(at + 1, at + 1 + bytes[at]));
    at++;
    if (least < 0) continue;
    const pixels = unpackLzw(Uint8Array.from(data), least);
    frames.push({ delay, rgb: pixels.flatMap((p) => [...palette.subarray(3 * p, 3 * p + 3)]) });
  }
  assert.equal(at, bytes.length - 1);
  return { width, height, frames };
}

test("the specification's example is packed into its known bytes", () => {
  // A 10 x 10 picture of four colours, described by M. Flickinger ("What's in a GIF").
  const rows = [
    "1111122222",
    "1111122222",
    "1111122222",
    "1110000222",
    "1110000222",
    "2220000111",
    "2220000111",
    "2222211111",
    "2222211111",
    "2222211111",
  ];
  const pixels = Uint8Array.from(rows.join(""), Number);
  const packed = packLzw(pixels, 2);
  const known = [0x8c, 0x2d, 0x99, 0x87, 0x2a, 0x1c, 0xdc, 0x33, 0xa0, 0x02, 0x75];
  assert.deepEqual([...packed.subarray(0, 11)], known);
  assert.deepEqual(unpackLzw(packed, 2), [...pixels]);
});

test("LZW gives back what it packed: runs, noise, full tables, one pixel", () => {
  const cases: [Uint8Array, number][] = [
    [new Uint8Array(100_000), 2],
    [noise(60_000, 256), 8],
    [noise(60_000, 4), 2],
    [noise(1, 2), 2],
    [Uint8Array.from({ length: 9000 }, (_, i) => (i * i) % 7), 3],
  ];
  for (const [pixels, least] of cases) {
    assert.deepEqual(unpackLzw(packLzw(pixels, least), least), [...pixels]);
  }
});

test("every length around a wider code comes back", () => {
  const pixels = noise(700, 4, 7);
  for (let length = 1; length <= pixels.length; length++) {
    const part = pixels.subarray(0, length);
    assert.deepEqual(unpackLzw(packLzw(part, 2), 2), [...part]);
  }
});

test("an animation of few colours comes back to the bit, with its delays", () => {
  const frames = [3, 4].map((seed) => {
    const grey = noise(12 * 7, 200, seed);
    const rgba = Uint8ClampedArray.from({ length: 12 * 7 * 4 }, (_, i) => (i % 4 === 3 ? 255 : grey[i >> 2]));
    return { rgba, delay: 100 * seed };
  });
  const read = readGif(encodeGif(frames, 12, 7));
  assert.deepEqual([read.width, read.height], [12, 7]);
  assert.deepEqual(read.frames.map((f) => f.delay), [300, 400]);
  frames.forEach(({ rgba }, i) => {
    assert.deepEqual(read.frames[i].rgb, [...rgba].filter((_, j) => j % 4 !== 3));
  });
});

test("of many colours the nearest few stand for all", () => {
  const rgba = Uint8ClampedArray.from({ length: 64 * 64 * 4 }, (_, i) => {
    const [pixel, channel] = [i >> 2, i & 3];
    return channel === 3 ? 255 : [4 * (pixel % 64), 4 * (pixel >> 6), 128][channel];
  });
  const [frame] = readGif(encodeGif([{ rgba, delay: 100 }], 64, 64)).frames;
  const errors = frame.rgb.map((v, i) => Math.abs(v - rgba[4 * Math.floor(i / 3) + (i % 3)]));
  // 256 boxes over a plane of 64 x 64 steps of 4: sides of 4 steps, so at most 3 steps off.
  assert.ok(Math.max(...errors) <= 12, `off by ${Math.max(...errors)}`);
});

test("one colour, no frames, a wrong size", () => {
  const rgba = new Uint8ClampedArray(2 * 2 * 4).fill(255);
  assert.deepEqual(readGif(encodeGif([{ rgba, delay: 50 }], 2, 2)).frames[0].rgb, Array(12).fill(255));
  assert.throws(() => encodeGif([], 2, 2), /at least one frame/);
  assert.throws(() => encodeGif([{ rgba, delay: 50 }], 3, 2), /16 bytes; 3 x 2 x 4 expected/);
});
