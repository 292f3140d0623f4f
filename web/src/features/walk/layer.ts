/** The ways drawn on the map, with their ends and the frame that is looked at. */

import type { App, Layer } from "../../contracts.ts";
import { OWNER, storeOf } from "./store.ts";
import type { Path } from "./way.ts";

/** The straight way is dashed, the one along the data drawn through. */
export const DASH: Record<Path, number[]> = { linear: [6, 5], graph: [] };

/** Both ways over the points, while the panel is open. */
export function wayLayer(app: App): Layer {
  const store = storeOf(app);
  return {
    id: "walk",
    depth: 40,
    draw(context) {
      if (app.state.panel.peek() !== OWNER) return;
      const style = getComputedStyle(app.stage);
      const ink = (name: string): string => style.getPropertyValue(name).trim() || "#888888";
      const inks = { line: ink("--ink"), halo: ink("--bg"), accent: ink("--accent"), paper: ink("--accent-ink") };
      const ways = store.ways.peek();
      const places = store.places.peek();
      if (places.length !== ways.length || ways.length === 0) return;
      const dots = ways.map((_, w) => screened(app, places[w]));
      ways.forEach((way, w) => drawLine(context, dots[w], DASH[way.path], inks));
      ways.forEach((_, w) => drawDot(context, dots[w][store.frame.peek()], inks));
      drawEnd(context, dots[0][0], "A", inks);
      drawEnd(context, dots[0][dots[0].length - 1], "B", inks);
    },
  };
}

interface Inks {
  line: string;
  halo: string;
  accent: string;
  paper: string;
}

type Dot = [number, number];

function screened(app: App, xy: Float32Array): Dot[] {
  return Array.from({ length: xy.length / 2 }, (_, i) => app.map.toScreen(xy[2 * i], xy[2 * i + 1]));
}

const seen = ([x, y]: Dot): boolean => !Number.isNaN(x) && !Number.isNaN(y);

function drawLine(context: CanvasRenderingContext2D, dots: Dot[], dash: number[], inks: Inks): void {
  const there = dots.filter(seen);
  if (there.length === 0) return;
  context.save();
  context.lineJoin = context.lineCap = "round";
  context.beginPath();
  there.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.lineWidth = 5;
  context.strokeStyle = inks.halo;
  context.globalAlpha = 0.85;
  context.stroke();
  context.globalAlpha = 1;
  context.lineWidth = 2;
  context.strokeStyle = inks.line;
  context.setLineDash(dash);
  context.stroke();
  context.setLineDash([]);
  context.fillStyle = inks.line;
  for (const [x, y] of there) {
    context.beginPath();
    context.arc(x, y, 2.5, 0, 2 * Math.PI);
    context.fill();
  }
  context.restore();
}

function drawDot(context: CanvasRenderingContext2D, dot: Dot | undefined, inks: Inks): void {
  if (!dot || !seen(dot)) return;
  context.save();
  context.beginPath();
  context.arc(dot[0], dot[1], 7, 0, 2 * Math.PI);
  context.fillStyle = inks.accent;
  context.strokeStyle = inks.halo;
  context.lineWidth = 2;
  context.fill();
  context.stroke();
  context.restore();
}

function drawEnd(context: CanvasRenderingContext2D, dot: Dot, letter: string, inks: Inks): void {
  if (!seen(dot)) return;
  const [x, y] = dot;
  context.save();
  context.beginPath();
  context.arc(x, y - 17, 10, 0, 2 * Math.PI);
  context.fillStyle = inks.line;
  context.strokeStyle = inks.halo;
  context.lineWidth = 2;
  context.stroke();
  context.fill();
  context.fillStyle = inks.halo;
  context.font = "600 12px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(letter, x, y - 16.5);
  context.restore();
}
