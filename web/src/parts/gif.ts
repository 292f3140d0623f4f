/** Animated pictures as GIF89a, with the LZW of appendix F of its specification.
 *
 * "Graphics Interchange Format, Version 89a", CompuServe 1990,
 * https://www.w3.org/Graphics/GIF/spec-gif89a.txt
 */

/** One picture of an animation. */
export interface GifFrame {
  /** RGBA bytes [H W 4], row by row; the opacity is ignored. */
  rgba: Uint8ClampedArray;
  /** How long it is shown, in milliseconds; kept to 10 ms. */
  delay: number;
}

/** Colours of an animation, and which of them each pixel has. */
interface Palette {
  /** Bytes r, g, b of at most 256 colours. */
  colours: number[];
  /** From 0xrrggbb to the place in `colours`. */
  index: (rgb: number) => number;
}

const MOST_CODES = 4096;
const MOST_COLOURS = 256;

/** The bytes of a GIF that plays the frames, over and over, each of width x height pixels.
 *
 * At most 256 colours are kept as they are; of more, the frames share 256 that stand for all
 * (median cut: Heckbert, "Color image quantization for frame buffer display", SIGGRAPH 1982).
 * @throws RangeError without frames, or with one of another size.
 */
export function encodeGif(frames: GifFrame[], width: number, height: number): Uint8Array {
  if (frames.length === 0) throw new RangeError("a GIF needs at least one frame, got none.");
  for (const { rgba } of frames) {
    if (rgba.length !== width * height * 4) {
      throw new RangeError(`a frame has ${rgba.length} bytes; ${width} x ${height} x 4 expected.`);
    }
  }
  const palette = paletteOf(frames);
  const bits = Math.max(1, Math.ceil(Math.log2(palette.colours.length / 3)));
  const out: number[] = [];
  text(out, "GIF89a");
  short(out, width);
  short(out, height);
  out.push(0x80 | 0x70 | (bits - 1), 0, 0);
  for (let i = 0; i < 3 << bits; i++) out.push(palette.colours[i] ?? 0);
  out.push(0x21, 0xff, 11);
  text(out, "NETSCAPE2.0");
  out.push(3, 1, 0, 0, 0);
  for (const frame of frames) {
    out.push(0x21, 0xf9, 4, 0x04);
    short(out, Math.round(frame.delay / 10));
    out.push(0, 0, 0x2c, 0, 0, 0, 0);
    short(out, width);
    short(out, height);
    out.push(0);
    const least = Math.max(2, bits);
    out.push(least);
    blocks(out, packLzw(pixelsOf(frame.rgba, palette), least));
  }
  out.push(0x3b);
  return Uint8Array.from(out);
}

/** LZW as GIF packs it: pixel values below 2^least -> bytes, the lowest bits first. */
export function packLzw(pixels: Uint8Array, least: number): Uint8Array {
  const clear = 1 << least;
  const end = clear + 1;
  const out: number[] = [];
  // The code of (a known code, the pixel after it), 0 where there is none yet.
  const after = new Uint16Array(MOST_CODES << 8);
  let [next, size, held, count] = [end + 1, least + 1, 0, 0];
  const emit = (code: number): void => {
    held |= code << count;
    count += size;
    for (; count >= 8; count -= 8, held >>>= 8) out.push(held & 255);
  };
  emit(clear);
  let code = pixels[0] ?? -1;
  for (let i = 1; i < pixels.length; i++) {
    const slot = (code << 8) | pixels[i];
    if (after[slot] !== 0) {
      code = after[slot];
      continue;
    }
    emit(code);
    code = pixels[i];
    if (next < MOST_CODES) {
      after[slot] = next;
      if (next++ === 1 << size) size++;
    } else {
      emit(clear);
      after.fill(0);
      [next, size] = [end + 1, least + 1];
    }
  }
  if (code >= 0) {
    emit(code);
    // The reader learns one more code from the last, and then may want one bit more.
    if (next === 1 << size && size < 12) size++;
  }
  emit(end);
  if (count > 0) out.push(held & 255);
  return Uint8Array.from(out);
}

function text(out: number[], words: string): void {
  for (const letter of words) out.push(letter.charCodeAt(0));
}

function short(out: number[], value: number): void {
  out.push(value & 255, (value >> 8) & 255);
}

function blocks(out: number[], bytes: Uint8Array): void {
  for (let from = 0; from < bytes.length; from += 255) {
    const block = bytes.subarray(from, from + 255);
    out.push(block.length);
    for (const byte of block) out.push(byte);
  }
  out.push(0);
}

function pixelsOf(rgba: Uint8ClampedArray, palette: Palette): Uint8Array {
  const pixels = new Uint8Array(rgba.length / 4);
  for (let i = 0; i < pixels.length; i++) pixels[i] = palette.index(colourAt(rgba, 4 * i));
  return pixels;
}

function colourAt(rgba: Uint8ClampedArray, i: number): number {
  return (rgba[i] << 16) | (rgba[i + 1] << 8) | rgba[i + 2];
}

function paletteOf(frames: GifFrame[]): Palette {
  const counts = new Map<number, number>();
  for (const { rgba } of frames) {
    for (let i = 0; i < rgba.length; i += 4) {
      const colour = colourAt(rgba, i);
      counts.set(colour, (counts.get(colour) ?? 0) + 1);
    }
  }
  const boxes = medianCut([...counts.keys()], counts);
  const places = new Map<number, number>();
  boxes.forEach((box, place) => box.forEach((colour) => places.set(colour, place)));
  return {
    colours: boxes.flatMap((box) => meanColour(box, counts)),
    index: (rgb) => places.get(rgb) ?? 0,
  };
}

/** At most 256 groups of colours; each colour alone where that is enough. */
function medianCut(colours: number[], counts: Map<number, number>): number[][] {
  if (colours.length <= MOST_COLOURS) return colours.map((colour) => [colour]);
  const boxes = [colours];
  while (boxes.length < MOST_COLOURS) {
    const spreads = boxes.map((box) => widest(box));
    const which = spreads.reduce((best, s, i) => (s.spread > spreads[best].spread ? i : best), 0);
    const { shift, spread } = spreads[which];
    if (spread === 0) break;
    const box = boxes[which].sort((a, b) => ((a >> shift) & 255) - ((b >> shift) & 255));
    const cut = medianOf(box, counts);
    boxes.splice(which, 1, box.slice(0, cut), box.slice(cut));
  }
  return boxes;
}

/** Where half of the pixels of a sorted group lie before: 1..length - 1. */
function medianOf(box: number[], counts: Map<number, number>): number {
  const total = box.reduce((sum, colour) => sum + (counts.get(colour) ?? 0), 0);
  let before = 0;
  for (let i = 0; i < box.length - 1; i++) {
    before += counts.get(box[i]) ?? 0;
    if (before >= total / 2) return i + 1;
  }
  return box.length - 1;
}

function widest(box: number[]): { shift: number; spread: number } {
  let best = { shift: 0, spread: box.length > 1 ? 0 : -1 };
  for (const shift of [16, 8, 0]) {
    let [low, high] = [255, 0];
    for (const colour of box) {
      low = Math.min(low, (colour >> shift) & 255);
      high = Math.max(high, (colour >> shift) & 255);
    }
    if (box.length > 1 && high - low > best.spread) best = { shift, spread: high - low };
  }
  return best;
}

function meanColour(box: number[], counts: Map<number, number>): number[] {
  const total = box.reduce((sum, colour) => sum + (counts.get(colour) ?? 0), 0);
  return [16, 8, 0].map((shift) => {
    const sum = box.reduce((s, colour) => s + ((colour >> shift) & 255) * (counts.get(colour) ?? 0), 0);
    return Math.round(sum / total);
  });
}
