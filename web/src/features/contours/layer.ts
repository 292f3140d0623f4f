/** Draws the lines of equal density under the points. */

import { type App, type Layer, wordsOf } from "../../contracts.ts";
import { valuesOf } from "../../parts/columns.ts";
import { look } from "../../parts/fog.ts";
import { onPaper } from "../../shell/colours.ts";
import { owners } from "../../shell/follow.ts";
import { densityOf, levelsOf, linesAt } from "./density.ts";

// More colours of lines are told apart by nobody.
const MOST_CLASSES = 12;
const CELLS = 256;
const FEWEST_CELLS = 64;

/** Whose points lines are drawn around: all of them, those of each class, or of each panel. */
export interface Around {
  whose: "all" | "class" | "panel";
  /** Shares of these points that lie within the lines, from the outermost in. */
  shares: number[];
}

/** The lines of one set of points, in cells of their grid. */
interface Lines {
  colour: string | null;
  paths: Path2D[];
  x: number;
  y: number;
  cell: number;
}

/** Whose lines are drawn now. */
export function aroundNow(app: App): Around {
  const { colour, apart, hidden } = app.state;
  // A reader's new label may add a class, which is told of by a new set of hidden values.
  void hidden.value;
  const shares = [0.9, 0.75, 0.5, 0.25];
  if (apart.value && app.manifest.classes.length > 1) return { whose: "panel", shares };
  const column = app.manifest.columns.find((each) => each.name === colour.value);
  const classes = column?.names?.length ?? 0;
  return classes > 1 && classes <= MOST_CLASSES ? { whose: "class", shares: [0.9, 0.5] } : { whose: "all", shares };
}

/** The layer of the contours. They are computed when they are to be seen, between two frames, and
 * again when the places of the points or what is shown of them have changed. */
export function contoursLayer(app: App): Layer {
  const { state } = app;
  let of: unknown[] = [];
  let drawn: Lines[] = [];
  const compute = async (now: unknown[]) => {
    try {
      const lines = await linesOf(app);
      if (of === now) drawn = lines;
    } catch (error) {
      app.say(wordsOf(error), "error");
    }
    app.map.redraw();
  };
  return {
    id: "contours",
    depth: -10,
    draw(context, view) {
      if (!state.contours.value || app.map.flying.value) return;
      const now = [app.map.places, state.hidden.value, state.colour.value];
      if (now.some((each, i) => each !== of[i])) {
        // Lines of places that were left would be wrong; others stay until the new ones are there.
        if (now[0] !== of[0]) drawn = [];
        of = now;
        setTimeout(() => of === now && void compute(now));
      }
      const ink = look(app.stage, "--ink", "#222");
      const dark = app.marks.dark.peek();
      for (const lines of drawn) stroke(app, context, lines, lines.colour ? onPaper(lines.colour, dark) : ink, view.scale);
    },
  };
}

function stroke(app: App, context: CanvasRenderingContext2D, lines: Lines, colour: string, scale: number): void {
  const pixels = lines.cell * scale;
  context.save();
  context.translate(...app.map.toScreen(lines.x, lines.y));
  context.scale(pixels, -pixels);
  context.lineJoin = "round";
  context.strokeStyle = colour;
  context.lineWidth = 1.5 / pixels;
  lines.paths.forEach((path, i) => {
    context.globalAlpha = 0.4 + (0.6 * (i + 1)) / lines.paths.length;
    context.stroke(path);
  });
  context.restore();
}

async function linesOf(app: App): Promise<Lines[]> {
  const { manifest, state } = app;
  const name = state.colour.peek();
  const { whose, shares } = aroundNow(app);
  const column = manifest.columns.find((each) => each.name === name && each.kind === "class");
  const values = column ? await valuesOf(app, name) : null;
  const owner = whose === "panel" ? owners(app) : null;
  const { places } = app.map;
  const hidden = state.hidden.peek();
  // A plain loop: over a million rows it takes a tenth of the time of a mapping.
  const sets = new Int32Array(places.length / 2);
  for (let row = 0; row < sets.length; row++) {
    const value = values ? values[row] : 0;
    if (Number.isNaN(places[2 * row]) || (hidden.size && hidden.has(value))) sets[row] = -1;
    else if (whose !== "all") sets[row] = owner ? owner[row] : value;
  }
  const coloured = whose === "class" || (whose === "panel" && name === "label");
  const points = pointsOf(places, sets);
  const cells = Math.max(CELLS / Math.sqrt(points.length), FEWEST_CELLS);
  return points.flatMap((xy, set) => {
    const density = densityOf(xy, cells);
    if (!density) return [];
    const paths = levelsOf(density, xy, shares).map((level) => pathOf(linesAt(density, level)));
    const { x, y, cell } = density;
    return { colour: (coloured && column?.colours?.[set]) || null, paths, x, y, cell };
  });
}

/** The places of the rows of each set 0, 1, ... */
function pointsOf(places: Float32Array, sets: Int32Array): Float32Array[] {
  const counts: number[] = [];
  for (let row = 0; row < sets.length; row++) if (sets[row] >= 0) counts[sets[row]] = (counts[sets[row]] ?? 0) + 1;
  const points = Array.from(counts, (count = 0) => new Float32Array(2 * count));
  const filled = new Uint32Array(points.length);
  for (let row = 0; row < sets.length; row++) {
    const set = sets[row];
    if (set < 0) continue;
    points[set][filled[set]++] = places[2 * row];
    points[set][filled[set]++] = places[2 * row + 1];
  }
  return points;
}

/** Closed curves past the corners of lines, so that they stay smooth however close one looks. */
function pathOf(lines: Float32Array[]): Path2D {
  const path = new Path2D();
  for (const line of lines) {
    const n = line.length;
    for (let i = 0; i < n; i += 2) {
      const [x, y] = [(line[i] + line[(i + 2) % n]) / 2, (line[i + 1] + line[(i + 3) % n]) / 2];
      if (i === 0) path.moveTo((line[n - 2] + line[0]) / 2, (line[n - 1] + line[1]) / 2);
      path.quadraticCurveTo(line[i], line[i + 1], x, y);
    }
  }
  return path;
}
