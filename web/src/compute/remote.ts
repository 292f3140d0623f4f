/** What the server computes where the page cannot: large nets, and latents that it does not carry. */

import type { Columns, Manifest, Near, Server } from "../contracts.ts";
import { failure } from "../load/failing.ts";
import { RemoteLatents } from "../load/latents.ts";

/** Rows whose latents are fetched at once, at most. */
const MOST_ROWS = 1000;
/** Neighbours that the server gives, and rows that it leaves out, at most. */
const MOST_NEAR = 1000;
const MOST_WITHOUT = 100_000;
/** Questions that are under way at once. */
const TOGETHER = 6;

/** The server, asked in the page's own nouns. */
export class Remote {
  private readonly latents: RemoteLatents;

  constructor(
    private readonly server: Server,
    private readonly manifest: Manifest,
    private readonly columns: Columns,
  ) {
    this.latents = new RemoteLatents(server, columns, manifest.latentDim);
  }

  /** z [n D] -> RGBA [n H W 4]. */
  async decode(z: Float32Array, labels: ArrayLike<number> | null): Promise<Uint8ClampedArray> {
    const body = {
      z: lists(z, this.manifest.latentDim),
      labels: labels && Array.from(labels),
      format: "raw",
    };
    const bytes = await this.server.send<ArrayBuffer>("POST", "/decode", body);
    const [height, width] = this.manifest.shape;
    const wanted = body.z.length * height * width * 4;
    if (bytes.byteLength !== wanted) {
      throw failure("fail.drew", { bytes: bytes.byteLength, wanted });
    }
    return new Uint8ClampedArray(bytes);
  }

  /** One image [H W C] in 0..1 -> its latent [D]. */
  async encode(pixels: Float32Array, label: number): Promise<Float32Array> {
    const told = label >= 0 ? `?label=${encodeURIComponent(this.manifest.classes[label].name)}` : "";
    const answer = await this.server.upload<{ z: number[] }>(`/encode${told}`, await this.asPng(pixels));
    return Float32Array.from(answer.z);
  }

  /** The k nearest rows of a latent [D]; `except` (-1: none) and `without` are left out. */
  async nearest(
    z: Float32Array,
    k: number,
    except = -1,
    among = -1,
    without: Uint32Array = new Uint32Array(0),
  ): Promise<Near> {
    const out = except >= 0 ? [except, ...without] : Array.from(without);
    if (out.length > MOST_WITHOUT) {
      throw failure("fail.without", { most: MOST_WITHOUT.toLocaleString() });
    }
    const ids = out.map((row) => this.columns.id(row));
    const body = { z: Array.from(z), k: Math.min(k, MOST_NEAR), without: ids, ...this.within(among) };
    const answer = await this.server.send<{ ids: number[]; distances: number[] }>(
      "POST",
      "/neighbours",
      body,
    );
    const rows = answer.ids.map((id) => this.columns.row(id));
    const kept = rows
      .map((_, i) => i)
      .filter((i) => rows[i] >= 0);
    return {
      rows: Uint32Array.from(kept, (i) => rows[i]),
      distances: Float32Array.from(kept, (i) => answer.distances[i]),
    };
  }

  /** Odds float32 [n K] of latents [n D]. */
  async odds(z: Float32Array): Promise<Float32Array> {
    const answer = await this.server.send<{ odds: number[][] }>("POST", "/classify", {
      z: lists(z, this.manifest.latentDim),
    });
    return Float32Array.from(answer.odds.flat());
  }

  /** `steps` latents along the data: float32 [steps D]. */
  async walk(a: Float32Array, b: Float32Array, steps: number, among = -1): Promise<Float32Array> {
    const ends = { start: Array.from(a), end: Array.from(b) };
    const body = { ...ends, steps, path: "graph", ...this.within(among) };
    const answer = await this.server.send<{ z: number[][] }>("POST", "/walk", body);
    return Float32Array.from(answer.z.flat());
  }

  /** The latents of rows, of at most 1,000 of them, evenly chosen: float32 [n D]. */
  async latentsOf(rows: Uint32Array): Promise<Float32Array> {
    const step = Math.max(1, rows.length / MOST_ROWS);
    const count = Math.floor(rows.length / step);
    return this.latents.of(Array.from({ length: count }, (_, i) => rows[Math.floor(i * step)]));
  }

  /** The label whose rows alone count, as the server is told it; nothing for all rows. */
  private within(among: number): { label?: string } {
    return among >= 0 ? { label: this.manifest.classes[among].name } : {};
  }

  private async asPng(pixels: Float32Array): Promise<Blob> {
    const [height, width, channels] = this.manifest.shape;
    const image = new ImageData(width, height);
    for (let p = 0; p < width * height; p++) {
      for (let c = 0; c < 3; c++)
        image.data[4 * p + c] = 255 * pixels[p * channels + (channels >= 3 ? c : 0)];
      image.data[4 * p + 3] = 255;
    }
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("2d")!.putImageData(image, 0, 0);
    return canvas.convertToBlob({ type: "image/png" });
  }
}

/** Runs something on each, a few at once, and gives the results in order. */
export async function fewAtOnce<A, B>(items: A[], run: (item: A, index: number) => Promise<B>): Promise<B[]> {
  const results = new Array<B>(items.length);
  let next = 0;
  const serve = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await run(items[index], index);
    }
  };
  await Promise.all(Array.from({ length: TOGETHER }, serve));
  return results;
}

/** float32 [n D] -> n lists. */
function lists(z: Float32Array, dim: number): number[][] {
  return Array.from({ length: z.length / dim }, (_, row) =>
    Array.from(z.subarray(row * dim, row * dim + dim)),
  );
}
