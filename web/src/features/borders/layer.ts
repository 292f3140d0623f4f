/** Draws regions and border lines under the points. */

import { type App, type BordersInfo, type Layer, wordsOf } from "../../contracts.ts";
import { look, rgbOf } from "../../parts/fog.ts";
import { indexOf } from "../../parts/latentAt.ts";
import type { MapIndex } from "../../parts/mapIndex.ts";
import { between, borderSegments, paintRegions, type Grid } from "./regions.ts";

// Sides of the painted regions that are worth their memory.
const MOST_SIDE = 1024;
const OPACITY = 0.5;
// As shares of the longer side of the map: up to the first from an image regions are painted in
// full, from the second on not at all.
const FULL = 0.012;
const GONE = 0.034;
const LINE_SHADES = 6;
const LINE_OPACITY = 0.55;

/** What is drawn on one map. */
interface Drawn {
  canvas: HTMLCanvasElement;
  /** Border lines, by how near images are. */
  lines: { path: Path2D; alpha: number }[];
  size: number;
}

/** Borders of the maps, loaded when they are first shown. */
export class Borders {
  private readonly drawn = new Map<string, Drawn | "loading" | "failed">();

  constructor(
    private readonly app: App,
    private readonly changed: () => void,
  ) {}

  /** The borders that the space offers on the map that is shown. */
  info(): BordersInfo | undefined {
    return this.app.manifest.borders.find((each) => each.map === this.app.state.map.value);
  }

  /** What is drawn now; starts loading where nothing has been. */
  get(info: BordersInfo): Drawn | null {
    const found = this.drawn.get(info.map);
    if (!found) void this.load(info);
    return typeof found === "object" ? found : null;
  }

  isLoading(info: BordersInfo): boolean {
    return this.drawn.get(info.map) === "loading";
  }

  private async load(info: BordersInfo): Promise<void> {
    this.drawn.set(info.map, "loading");
    this.changed();
    try {
      const cells = new Uint8Array(await this.app.resources.bytes(info.resource));
      const index = await indexOf(this.app);
      if (this.info() !== info) {
        this.drawn.delete(info.map);
        return;
      }
      this.drawn.set(info.map, paint(this.app, info, { size: info.size, cells }, index));
    } catch (error) {
      this.drawn.set(info.map, "failed");
      this.app.say(wordsOf(error), "error");
    }
    this.changed();
  }
}

function paint(app: App, info: BordersInfo, grid: Grid, index: MapIndex): Drawn {
  const map = app.manifest.maps.find((each) => each.name === info.map)!;
  const near = nearness(grid.size, boxOfBorders(map.low, map.high, info.margin), index);
  const colours = app.manifest.classes.map((each) => rgbOf(each.colour) ?? [128, 128, 128]);
  const factor = Math.max(1, Math.floor(MOST_SIDE / grid.size));
  const pixels = paintRegions(grid, near, factor, colours, OPACITY);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = grid.size * factor;
  canvas.getContext("2d")!.putImageData(new ImageData(pixels, canvas.width, canvas.height), 0, 0);
  return { canvas, lines: shadedLines(grid, near), size: grid.size };
}

/** How near images are to the middle of each cell, 0..1, float32 [size, size], the top row first. */
function nearness(size: number, box: { x: number; y: number; width: number; height: number }, index: MapIndex): Float32Array {
  return Float32Array.from({ length: size * size }, (_, cell) => {
    const x = box.x + (((cell % size) + 0.5) / size) * box.width;
    const y = box.y - ((Math.floor(cell / size) + 0.5) / size) * box.height;
    const distance = (index.nearest(x, y, 1).distances[0] ?? Infinity) / index.side;
    return Math.min(1, Math.max(0, (GONE - distance) / (GONE - FULL)));
  });
}

function shadedLines(grid: Grid, near: Float32Array): Drawn["lines"] {
  const lines = Array.from({ length: LINE_SHADES }, (_, shade) => ({
    path: new Path2D(),
    alpha: LINE_OPACITY * ((shade + 1) / LINE_SHADES) ** 2,
  }));
  const segments = borderSegments(grid);
  for (let i = 0; i < segments.length; i += 4) {
    const [x0, y0, x1, y1] = segments.subarray(i, i + 4);
    const shade = Math.ceil(between(near, grid.size, (x0 + x1) / 2, (y0 + y1) / 2) * LINE_SHADES) - 1;
    if (shade < 0) continue;
    lines[shade].path.moveTo(x0, y0);
    lines[shade].path.lineTo(x1, y1);
  }
  return lines;
}

/** The box that the grid spans on its map: low x, high y, width and height, unit of the map. */
export function boxOfBorders(low: number[], high: number[], margin: number) {
  const wide = high[0] - low[0];
  const tall = high[1] - low[1];
  return {
    x: low[0] - margin * wide,
    y: high[1] + margin * tall,
    width: wide * (1 + 2 * margin),
    height: tall * (1 + 2 * margin),
  };
}

/** The layer of the borders. */
export function bordersLayer(app: App, borders: Borders): Layer {
  return {
    id: "borders",
    depth: -18,
    draw(context, view) {
      const info = borders.info();
      const map = app.manifest.maps.find((each) => each.name === app.state.map.value);
      if (!app.state.borders.value || app.state.apart.value || !info || !map) return;
      const drawn = borders.get(info);
      if (!drawn) return;
      const box = boxOfBorders(map.low, map.high, info.margin);
      const [x, y] = app.map.toScreen(box.x, box.y);
      const [width, height] = [box.width * view.scale, box.height * view.scale];
      context.save();
      context.imageSmoothingEnabled = true;
      context.imageSmoothingQuality = "high";
      context.drawImage(drawn.canvas, x, y, width, height);
      strokeLines(app, context, drawn, x, y, width / drawn.size, height / drawn.size);
      context.restore();
    },
  };
}

function strokeLines(
  app: App,
  context: CanvasRenderingContext2D,
  drawn: Drawn,
  x: number,
  y: number,
  across: number,
  down: number,
): void {
  context.translate(x, y);
  context.scale(across, down);
  context.translate(0.5, 0.5);
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = look(app.stage, "--ink", "#222");
  context.lineWidth = 1.2 / Math.sqrt(across * down);
  for (const { path, alpha } of drawn.lines) {
    context.globalAlpha = alpha;
    context.stroke(path);
  }
}
