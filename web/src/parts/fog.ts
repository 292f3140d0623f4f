/** How fog looks and what it is called. */

/** The key of the words for a fog of 0..1. */
export function fogWord(fog: number): string {
  if (fog < 0.03) return "fog.among";
  if (fog < 0.4) return "fog.near";
  if (fog < 0.85) return "fog.few";
  return "fog.far";
}

/** Strength 0..1 of the hatch at a fog of 0..1: none among real images, full where all is fog. */
export function hatchOf(fog: number): number {
  return Math.min(1, Math.max(0, (fog - 0.03) / 0.87));
}

/** Draws the fog over a picture of width x height: a veil of the background's colour, and
 * slanting lines. `line` and `veil` are CSS colours, `step` the distance of lines in pixels. */
export function drawFog(
  context: CanvasRenderingContext2D,
  width: number,
  height: number,
  fog: number,
  look: { line: string; veil: string; step: number; thick: number },
): void {
  const strength = hatchOf(fog);
  if (strength <= 0) return;
  context.save();
  context.globalAlpha = 0.62 * strength;
  context.fillStyle = look.veil;
  context.fillRect(0, 0, width, height);
  context.globalAlpha = 0.25 + 0.5 * strength;
  context.strokeStyle = look.line;
  context.lineWidth = look.thick * (0.6 + 0.7 * strength);
  context.beginPath();
  for (let x = -height + look.step / 2; x < width; x += look.step) {
    context.moveTo(x, height);
    context.lineTo(x + height, 0);
  }
  context.stroke();
  context.restore();
}

/** A CSS variable of the page's look as it is now. */
export function look(element: Element, name: string, otherwise: string): string {
  return getComputedStyle(element).getPropertyValue(name).trim() || otherwise;
}

/** `#rgb`, `#rrggbb` or `rgb(...)` as three numbers 0..255; null for anything else. */
export function rgbOf(colour: string): [number, number, number] | null {
  const hex = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(colour.trim());
  if (hex) {
    const digits = hex[1].length === 3 ? [...hex[1]].map((d) => d + d).join("") : hex[1];
    const value = parseInt(digits, 16);
    return [value >> 16, (value >> 8) & 255, value & 255];
  }
  const parts = /^rgba?\(([^)]+)\)$/.exec(colour.trim())?.[1].split(/[\s,/]+/).map(Number);
  return parts && parts.length >= 3 && parts.slice(0, 3).every(Number.isFinite)
    ? [parts[0], parts[1], parts[2]]
    : null;
}
