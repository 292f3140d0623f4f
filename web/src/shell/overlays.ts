/** What the frame draws over and under the points: panels, names, lines to neighbours, extras. */

import type { ReadonlySignal } from "@preact/signals";
import type { App, Extra, Layer } from "../contracts.ts";
import { onPaper } from "./colours.ts";
import { densestPlaces, type Panel } from "./layout.ts";

/** Colours of the page, read once a theme. */
export interface Inks {
  dark: boolean;
  bg: string;
  panel: string;
  ink: string;
  muted: string;
  line: string;
  accent: string;
}

/** The colours of the page's style, read again whenever light and dark have changed. */
export function inksFor(dark: ReadonlySignal<boolean>): () => Inks {
  let kept: Inks | null = null;
  return () => (kept?.dark === dark.peek() ? kept : (kept = inks(dark.peek())));
}

/** The colours that the style sheet has now. */
function inks(dark: boolean): Inks {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    dark,
    bg: read("bg"),
    panel: read("panel"),
    ink: read("ink"),
    muted: read("muted"),
    line: read("line"),
    accent: read("accent"),
  };
}

/** Frames and names of the panels, where each class has one. */
export function panelLayer(app: App, panels: ReadonlySignal<Panel[]>, ink: () => Inks): Layer {
  return {
    id: "panels",
    depth: -20,
    draw(context) {
      const colours = ink();
      context.textBaseline = "bottom";
      for (const panel of panels.value) {
        const [x0, y0] = app.map.toScreen(panel.x0, panel.y1);
        const [x1, y1] = app.map.toScreen(panel.x1, panel.y0);
        context.fillStyle = colours.panel;
        context.strokeStyle = colours.line;
        context.beginPath();
        context.roundRect(x0, y0, x1 - x0, y1 - y0, 6);
        context.fill();
        context.stroke();
        const info = app.manifest.classes[panel.label];
        const size = Math.min(13, Math.floor((x1 - x0) * 0.13) - 1);
        if (!info || size < 6) continue;
        context.font = `600 ${size}px system-ui, sans-serif`;
        context.fillStyle = colours.ink;
        context.fillText(shortened(context, info.name, x1 - x0 - 4), x0 + 2, y0 - (size > 9 ? 3 : 1));
      }
    },
  };
}

/** The names of the classes, each where its points are densest. */
export function nameLayer(app: App, panels: ReadonlySignal<Panel[]>, ink: () => Inks): Layer {
  let of: Float32Array | null = null;
  let at: [number, number][] = [];
  let classes = 0;
  return {
    id: "names",
    depth: 20,
    draw(context, _view, width, height) {
      if (!app.state.names.value || panels.value.length) return;
      if (of !== app.map.places || classes !== app.manifest.classes.length) {
        of = app.map.places;
        classes = app.manifest.classes.length;
        at = densestPlaces(of, app.columns.labels, classes);
      }
      const colours = ink();
      context.font = "650 15px system-ui, sans-serif";
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.lineJoin = "round";
      const taken: [number, number, number, number][] = [];
      const byCount = app.manifest.classes.map((info, label) => ({ info, label })).sort((a, b) => b.info.count - a.info.count);
      for (const { info, label } of byCount) {
        if (app.state.colour.value === "label" && app.state.hidden.value.has(label)) continue;
        const [mapX, mapY] = at[label] ?? [NaN, NaN];
        if (Number.isNaN(mapX)) continue;
        const [x, y] = app.map.toScreen(mapX, mapY);
        const half = context.measureText(info.name).width / 2 + 4;
        if (x < -half || y < -12 || x > width + half || y > height + 12) continue;
        if (taken.some(([a, b, c, d]) => x - half < c && x + half > a && y - 10 < d && y + 10 > b)) continue;
        taken.push([x - half, y - 10, x + half, y + 10]);
        context.lineWidth = 4;
        if (app.state.show.value === "dots") {
          context.strokeStyle = colours.bg;
          context.strokeText(info.name, x, y);
        } else {
          context.fillStyle = colours.panel;
          context.strokeStyle = onPaper(info.colour, colours.dark);
          context.lineWidth = 2;
          context.beginPath();
          context.roundRect(x - half - 3, y - 13, 2 * half + 6, 25, 6);
          context.fill();
          context.stroke();
        }
        context.fillStyle = colours.ink;
        context.fillText(info.name, x, y);
      }
      context.textAlign = "start";
    },
  };
}

/** Lines from a row to its true neighbours. */
export function neighbourLayer(app: App, lines: ReadonlySignal<{ row: number; near: Uint32Array }>, ink: () => Inks): Layer {
  return {
    id: "neighbours",
    depth: 10,
    draw(context) {
      const { row, near } = lines.value;
      if (row < 0) return;
      const places = app.map.places;
      const [x, y] = app.map.toScreen(places[2 * row], places[2 * row + 1]);
      context.strokeStyle = ink().ink;
      context.lineWidth = 1;
      for (let rank = 0; rank < near.length; rank++) {
        const other = near[rank];
        if (Number.isNaN(places[2 * other])) continue;
        const [ox, oy] = app.map.toScreen(places[2 * other], places[2 * other + 1]);
        context.globalAlpha = 0.75 - (0.5 * rank) / near.length;
        context.beginPath();
        context.moveTo(x, y);
        context.lineTo(ox, oy);
        context.stroke();
        context.beginPath();
        context.arc(ox, oy, 4, 0, 2 * Math.PI);
        context.stroke();
      }
      context.globalAlpha = 1;
    },
  };
}

const EXTRA_SIDE = 26;

/** Points that are no rows: samples, images that were dropped. */
export function extraLayer(app: App, extras: ReadonlySignal<Extra[]>, ink: () => Inks): Layer {
  const bitmaps = new WeakMap<ImageData, ImageBitmap>();
  return {
    id: "extras",
    depth: 30,
    draw(context) {
      const colours = ink();
      for (const extra of extras.value) {
        const [x, y] = app.map.toScreen(extra.x, extra.y);
        const bitmap = extra.image && bitmapOf(app, bitmaps, extra.image);
        context.lineWidth = 2;
        context.strokeStyle = onPaper(extra.colour, colours.dark);
        if (bitmap) {
          const half = EXTRA_SIDE / 2;
          context.imageSmoothingEnabled = bitmap.width > EXTRA_SIDE;
          context.drawImage(bitmap, x - half, y - half, EXTRA_SIDE, EXTRA_SIDE);
          context.strokeRect(x - half - 1, y - half - 1, EXTRA_SIDE + 2, EXTRA_SIDE + 2);
        } else {
          context.fillStyle = colours.bg;
          context.beginPath();
          context.rect(x - 4.5, y - 4.5, 9, 9);
          context.fill();
          context.stroke();
        }
      }
    },
  };
}

/** The extra at a place of the canvas, the last drawn first. */
export function extraAt(app: App, extras: Extra[], x: number, y: number): Extra | undefined {
  const half = EXTRA_SIDE / 2 + 2;
  return extras.findLast((extra) => {
    const [ex, ey] = app.map.toScreen(extra.x, extra.y);
    return Math.abs(ex - x) <= half && Math.abs(ey - y) <= half;
  });
}

function bitmapOf(app: App, kept: WeakMap<ImageData, ImageBitmap>, image: ImageData): ImageBitmap | undefined {
  const found = kept.get(image);
  if (!found) {
    void createImageBitmap(image).then((bitmap) => {
      kept.set(image, bitmap);
      app.map.redraw();
    });
  }
  return found;
}

function shortened(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  let kept = text.length;
  while (kept > 1 && context.measureText(`${text.slice(0, kept)}…`).width > width) kept--;
  return `${text.slice(0, kept)}…`;
}
