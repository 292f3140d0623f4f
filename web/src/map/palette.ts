/** Colours of the points: from `#rrggbb` to bytes, to a texture, to what shows on dark paper. */

/** Width and height of the texture of the palette; 4,096 entries in all. */
export const PALETTE_SIZE: [width: number, height: number] = [256, 16];

/** `#rrggbb` or `#rgb` -> bytes [r, g, b]; anything else is the grey of unknown labels. */
export function parseColour(colour: string): [number, number, number] {
  const text = colour.replace(/^#([0-9a-f])([0-9a-f])([0-9a-f])$/i, "#$1$1$2$2$3$3");
  if (!/^#[0-9a-f]{6}$/i.test(text)) return [201, 206, 213];
  const value = Number.parseInt(text.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** The palette as pixels RGBA, uint8 [4096 * 4], entry by entry; it repeats where it is short.
 * Entry 0 is the grey of context and does not repeat.
 */
export function paletteBytes(palette: readonly string[]): Uint8Array {
  const count = PALETTE_SIZE[0] * PALETTE_SIZE[1];
  const colours = palette.slice(0, count).map(parseColour);
  if (colours.length === 0) colours.push([201, 206, 213]);
  const bytes = new Uint8Array(4 * count);
  for (let i = 0; i < count; i++) {
    const cycle = colours.length - 1;
    const entry = i < colours.length ? i : cycle ? 1 + ((i - 1) % cycle) : 0;
    bytes.set(colours[entry], 4 * i);
    bytes[4 * i + 3] = 255;
  }
  return bytes;
}

/** How bright a colour is: relative luminance in 0..1, by WCAG 2. */
export function luminance([r, g, b]: readonly [number, number, number]): number {
  return 0.2126 * toLinear(r) + 0.7152 * toLinear(g) + 0.0722 * toLinear(b);
}

function toLinear(byte: number): number {
  const value = byte / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}

function toByte(linear: number): number {
  const value = Math.min(Math.max(linear, 0), 1);
  const curved = value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055;
  return Math.round(255 * curved);
}

/** The colour `#rrggbb` for dark paper: the same hue, dark colours lifted.
 *
 * Lightness of OKLab in 0..0.68 becomes 0.42..0.68 in a straight line, so that navy stands out
 * on black while light colours stay as they are. Legends are to use it as well as the points.
 */
export function onDark(colour: string): string {
  const [l, a, b] = toOklab(parseColour(colour));
  const lifted = l >= LIFT_BELOW ? l : LIFT_TO + (l * (LIFT_BELOW - LIFT_TO)) / LIFT_BELOW;
  // Colours outside sRGB lose chroma, not lightness.
  for (let chroma = 1; ; chroma *= 0.94) {
    const linear = fromOklab(lifted, a * chroma, b * chroma);
    if (chroma < 0.05 || linear.every((value) => value > -0.002 && value < 1.002)) {
      return `#${linear.map((value) => toByte(value).toString(16).padStart(2, "0")).join("")}`;
    }
  }
}

const LIFT_BELOW = 0.68;
const LIFT_TO = 0.42;

// OKLab: Björn Ottosson, "A perceptual color space for image processing", 2020.
function toOklab(rgb: readonly [number, number, number]): [number, number, number] {
  const [r, g, b] = rgb.map(toLinear);
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function fromOklab(lightness: number, a: number, b: number): number[] {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
}
