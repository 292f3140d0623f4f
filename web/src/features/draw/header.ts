/** How large an image is, by the first bytes of its file: a small file may hold a picture of a
 * gigabyte, which is better not unpacked. */

/** Width and height in pixels. */
export interface Dimensions {
  width: number;
  height: number;
}

/** What a PNG, JPEG, GIF or WebP says of its size; null for other files, and for broken ones. */
export function dimensionsOf(file: ArrayBuffer): Dimensions | null {
  const bytes = new DataView(file);
  try {
    const start = letters(bytes, 0, 4);
    if (start === "\x89PNG") return { width: bytes.getUint32(16), height: bytes.getUint32(20) };
    if (start === "GIF8") return gif(bytes);
    if (start === "RIFF" && letters(bytes, 8, 4) === "WEBP") return webp(bytes);
    if (bytes.getUint16(0) === 0xffd8) return jpeg(bytes);
  } catch (error) {
    // It ends before it has said its size.
    if (!(error instanceof RangeError)) throw error;
  }
  return null;
}

function letters(bytes: DataView, at: number, count: number): string {
  return String.fromCharCode(...Array.from({ length: count }, (_, i) => bytes.getUint8(at + i)));
}

/** Segments lead to that of the frame: 0xffc0 to 0xffcf, but for tables and what is reserved. */
function jpeg(bytes: DataView): Dimensions | null {
  for (let at = 2; ; at += 2 + bytes.getUint16(at + 2)) {
    while (bytes.getUint16(at) === 0xffff) at++;
    const mark = bytes.getUint16(at);
    if (mark < 0xffc0 || mark === 0xffda) return null;
    const frame = mark <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(mark);
    if (frame) return { height: bytes.getUint16(at + 5), width: bytes.getUint16(at + 7) };
  }
}

/** Browsers make the screen as large as the first frame needs it. */
function gif(bytes: DataView): Dimensions {
  const screen = { width: bytes.getUint16(6, true), height: bytes.getUint16(8, true) };
  const flags = bytes.getUint8(10);
  let at = 13 + (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  for (; bytes.getUint8(at) === 0x21; at++) {
    // An extension: blocks with their length before them, the last one empty.
    for (at += 2; bytes.getUint8(at) !== 0; ) at += 1 + bytes.getUint8(at);
  }
  if (bytes.getUint8(at) !== 0x2c) return screen;
  const [left, top, width, height] = [1, 3, 5, 7].map((by) => bytes.getUint16(at + by, true));
  return { width: Math.max(screen.width, left + width), height: Math.max(screen.height, top + height) };
}

function webp(bytes: DataView): Dimensions | null {
  const kind = letters(bytes, 12, 4);
  if (kind === "VP8 ") {
    return { width: bytes.getUint16(26, true) & 0x3fff, height: bytes.getUint16(28, true) & 0x3fff };
  }
  if (kind === "VP8L") {
    const both = bytes.getUint32(21, true);
    return { width: 1 + (both & 0x3fff), height: 1 + ((both >> 14) & 0x3fff) };
  }
  if (kind !== "VP8X") return null;
  const three = (at: number) => bytes.getUint16(at, true) + 2 ** 16 * bytes.getUint8(at + 2);
  return { width: 1 + three(24), height: 1 + three(27) };
}
