/** The tiles of the ground that have been made, and the making of those that are wanted. */

import { type App, type View, wordsOf } from "../../contracts.ts";
import { fogAt, labelsAt, latentsAt, wayNow } from "../../parts/latentAt.ts";
import { materialOf, paintTile, rasterOf, type Colours, type Material } from "./paint.ts";
import { frameOf, levelFor, middlesOf, nameOfTile, tilesIn, type Frame, type TileKey } from "./tiles.ts";

/** Beyond the box of the map, as a share of its side, no ground is made. */
export const MARGIN = 0.12;
const COARSE_LEVELS = 2;
// Of a picture in more fog than this nothing would be seen.
const ALL_FOG = 0.97;
const REDRAW_EVERY = 160;
const MOST_BYTES = 64 << 20;

/** A tile that has been made: its picture, and the fog of its cells, 0..1, from the top left. */
export interface Tile {
  canvas: HTMLCanvasElement;
  fog: Float32Array;
}

/** Makes tiles coarse to fine, one at a time, always for the window of the latest frame. */
export class GroundStore {
  frame: Frame;
  material: Material | null = null;
  private readonly tiles = new Map<string, Tile>();
  private readonly raster: number;
  private busy = false;
  private shown = 0;
  private broken = "";
  private want: { view: View; width: number; height: number } | null = null;

  constructor(
    private readonly app: App,
    private readonly colours: () => Colours,
  ) {
    const [height, width] = app.manifest.shape;
    this.raster = rasterOf(height, width);
    this.frame = this.frameNow();
  }

  private frameNow(): Frame {
    const map = this.app.manifest.maps.find((each) => each.name === this.app.state.map.value);
    return frameOf(map?.low ?? [0, 0], map?.high ?? [1, 1]);
  }

  private prefix(): string {
    return `${this.app.state.map.value} ${wayNow(this.app)} `;
  }

  /** A tile, if it has been made. */
  get(key: TileKey): Tile | undefined {
    const name = this.prefix() + nameOfTile(key);
    const tile = this.tiles.get(name);
    if (tile) {
      // The order of the map is the order of use, the oldest first.
      this.tiles.delete(name);
      this.tiles.set(name, tile);
    }
    return tile;
  }

  /** Forgets all, for instance since the colours of the page changed. */
  clear(): void {
    this.tiles.clear();
    this.broken = "";
  }

  /** Says which window of the map is looked at; what is missing there is made. */
  look(view: View, width: number, height: number): void {
    this.want = { view, width, height };
    this.frame = this.frameNow();
    // Work ends in a frame of its own: begun for nothing, it would draw frames without end.
    if (this.busy) return;
    if (this.broken !== this.prefix() && this.next()) void this.work();
    else this.app.stage.dataset.ground = "painted";
  }

  /** The tile to make next: of the coarsest level that lacks one, the nearest to the middle. */
  next(): TileKey | null {
    if (!this.want || !this.app.state.ground.value || this.app.state.apart.value) return null;
    const { view, width, height } = this.want;
    const finest = levelFor(this.frame, view.scale);
    const prefix = this.prefix();
    for (let level = Math.max(0, finest - COARSE_LEVELS); level <= finest; level++) {
      for (const key of tilesIn(this.frame, view, width, height, level, MARGIN)) {
        if (!this.tiles.has(prefix + nameOfTile(key))) return key;
      }
    }
    return null;
  }

  private async work(): Promise<void> {
    this.busy = true;
    this.app.stage.dataset.ground = "painting";
    try {
      for (let key = this.next(); key; key = this.next()) {
        if (this.broken === this.prefix()) return;
        await this.make(key);
        this.show(false);
      }
    } catch (error) {
      this.broken = this.prefix();
      this.app.say(wordsOf(error), "error");
    } finally {
      this.busy = false;
      this.show(true);
    }
  }

  // Drawing all points again for every tile would cost more than the tiles do.
  private show(now: boolean): void {
    if (!now && performance.now() - this.shown < REDRAW_EVERY) return;
    this.shown = performance.now();
    this.app.stage.dataset.ground = this.busy ? "painting" : "painted";
    this.app.map.redraw();
  }

  private async make(key: TileKey): Promise<void> {
    const { app } = this;
    const name = this.prefix() + nameOfTile(key);
    const way = wayNow(app);
    const [height, width] = app.manifest.shape;
    const xy = middlesOf(this.frame, key);
    const z = await latentsAt(app, xy, way, "ground");
    if (!z || !app.decoder) return;
    const fog = await fogAt(app, xy, z, way);
    const pixels = await this.decodeClear(xy, z, fog);
    // The map or the way may have changed meanwhile; what was made for the old one is thrown away.
    if (!pixels || name !== this.prefix() + nameOfTile(key)) return;
    const parts = { pixels, height, width, fog };
    this.keep(name, paintTile(parts, this.raster, this.material ?? "plain", this.colours()), fog);
  }

  /** Pictures RGBA [n H W 4] of the cells that can be seen through their fog; the rest is empty. */
  private async decodeClear(
    xy: Float32Array,
    z: Float32Array,
    fog: Float32Array,
  ): Promise<Uint8ClampedArray | null> {
    const { app } = this;
    const [height, width] = app.manifest.shape;
    const D = app.manifest.latentDim;
    const size = height * width * 4;
    const pixels = new Uint8ClampedArray(fog.length * size);
    const seen = Array.from(fog.keys()).filter((i) => fog[i] < ALL_FOG);
    if (!seen.length) return pixels;
    const some = new Float32Array(seen.length * D);
    seen.forEach((i, at) => some.set(z.subarray(i * D, (i + 1) * D), at * D));
    const labels = await labelsAt(app, xy);
    const told = labels && seen.map((i) => labels[i]);
    const decoded = await app.decoder!.decode(some, told, "ground");
    if (!decoded) return null;
    this.material ??= materialOf(decoded, height, width, app.manifest.shape[2]);
    seen.forEach((i, at) => pixels.set(decoded.subarray(at * size, (at + 1) * size), i * size));
    return pixels;
  }

  private keep(name: string, painted: Uint8ClampedArray<ArrayBuffer>, fog: Float32Array): void {
    const side = Math.sqrt(painted.length / 4);
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = side;
    canvas.getContext("2d")!.putImageData(new ImageData(painted, side, side), 0, 0);
    this.tiles.set(name, { canvas, fog });
    while (this.tiles.size * painted.length > MOST_BYTES) {
      this.tiles.delete(this.tiles.keys().next().value!);
    }
  }
}
