/** The latents as features see them: computed in a worker, or on the server where the page does not
 * carry them. */

import type {
  Columns,
  Latents,
  Manifest,
  MixtureInfo,
  Near,
  Resources,
} from "../contracts.ts";
import { failure } from "../load/failing.ts";
import type { Directions } from "./directions.ts";
import { fogAt } from "./fog.ts";
import { LOCAL_ROWS } from "./latents.ts";
import type { Call, Link } from "./link.ts";
import { placeAmong, PLACING_NEIGHBOURS } from "./place.ts";
import { fewAtOnce, type Remote } from "./remote.ts";

/** Latents that are asked about at once. */
const PIECE_ROWS = 32;

/** What the latents need to know. */
export interface LatentParts {
  resources: Resources;
  manifest: Manifest;
  columns: Columns;
  link: Link;
  remote: Remote | null;
}

/** Where a call may be told a label whose rows alone count, -1 stands for all: spaces of the scope
 * per-class have a latent space for each label. */
export class PageLatents implements Latents {
  constructor(private readonly parts: LatentParts) {}

  /** Opens the space in the worker. */
  async open(): Promise<void> {
    await this.parts.link.use((call) => this.space(call));
  }

  async nearest(
    z: Float32Array,
    k: number,
    except = -1,
    among = -1,
    without?: Uint32Array,
  ): Promise<Near> {
    return this.carried()
      ? this.ask((call) => call("nearest", z, k, except, among, without))
      : this.far().nearest(z, k, except, among, without);
  }

  async odds(z: Float32Array): Promise<Float32Array | null> {
    const { manifest, remote } = this.parts;
    if (!manifest.classes.length) return null;
    const odds =
      manifest.knn || manifest.linear ? await this.inPieces(z, (call, some) => call("odds", some)) : null;
    return odds ?? (manifest.knn && remote ? remote.odds(z) : null);
  }

  async fog(z: Float32Array, among = -1): Promise<Float32Array> {
    if (this.carried()) {
      return (await this.inPieces(z, (call, some) => call("fog", some, among)))!;
    }
    const { latentDim: dim, fog } = this.parts.manifest;
    // The server looks among all rows, held-out ones too, so it is at most a little clearer there.
    const rows = Array.from({ length: z.length / dim }, (_, row) => z.subarray(row * dim, row * dim + dim));
    const near = await fewAtOnce(rows, (row) => this.far().nearest(row, 1, -1, among));
    return Float32Array.from(near, ({ distances }) => (distances.length ? fogAt(distances[0], fog) : 1));
  }

  async sample(
    mixture: string,
    n: number,
    label: number,
    temperature: number,
    seed: number,
  ): Promise<Float32Array> {
    const info = this.parts.manifest.mixtures.find((each) => each.name === mixture);
    if (!info) throw failure("fail.prior", { name: mixture });
    return this.ask(async (call) => {
      await this.mixture(call, info);
      return call("sample", mixture, n, label, temperature, seed);
    });
  }

  async sampleLike(
    rows: Uint32Array,
    n: number,
    temperature: number,
    seed: number,
    among = -1,
  ): Promise<Float32Array> {
    if (!rows.length) throw failure("fail.like");
    if (this.carried()) return this.ask((call) => call("sampleLike", rows, n, temperature, seed, among));
    const own = await this.far().latentsOf(rows);
    return this.ask((call) => call("sampleAround", own, n, temperature, seed, among));
  }

  async walk(
    a: Float32Array,
    b: Float32Array,
    steps: number,
    path: "linear" | "graph",
    among = -1,
  ): Promise<Float32Array> {
    if (path === "graph" && !this.carried()) return this.far().walk(a, b, steps, among);
    return this.ask((call) => call("walk", a, b, steps, path, among));
  }

  async directions(z: Float32Array, map: string, m: number, among = -1): Promise<Directions> {
    if (this.carried()) {
      return this.ask(async (call) => {
        await this.map(call, map);
        return call("directions", z, map, m, among);
      });
    }
    const near = await this.far().nearest(z, LOCAL_ROWS, -1, among);
    const own = await this.far().latentsOf(near.rows);
    return this.ask(async (call) => {
      await this.map(call, map);
      return call("directionsAmong", own, near.rows, map, m);
    });
  }

  async place(z: Float32Array, map: string, among = -1): Promise<Float32Array> {
    const { manifest, columns } = this.parts;
    const { latentDim: dim } = manifest;
    if (this.onPlane(map) || this.carried()) {
      const run = async (call: Call, some: Float32Array) => {
        await this.map(call, map);
        return call("place", some, map, among);
      };
      return (await this.inPieces(z, run))!;
    }
    const places = await columns.map(map);
    const rows = Array.from({ length: z.length / dim }, (_, row) => z.subarray(row * dim, row * dim + dim));
    const each = await fewAtOnce(rows, async (row) => {
      return placeAmong(await this.far().nearest(row, PLACING_NEIGHBOURS, -1, among), places);
    });
    return Float32Array.from(each.flat());
  }

  /** Whether the page carries the latents. */
  private carried(): boolean {
    return this.parts.manifest.z !== null;
  }

  private onPlane(map: string): boolean {
    return map === "pca" && this.parts.manifest.pca !== null;
  }

  private far(): Remote {
    if (this.parts.remote) return this.parts.remote;
    throw failure("fail.latents");
  }

  /** Asks of latents [n D] piece by piece, so that the questions of a cursor come between. */
  private async inPieces(
    z: Float32Array,
    run: (call: Call, some: Float32Array) => Promise<Float32Array | null>,
  ): Promise<Float32Array | null> {
    const { latentDim: dim } = this.parts.manifest;
    const n = z.length / dim;
    if (n <= PIECE_ROWS) return this.ask((call) => run(call, z));
    let all: Float32Array | null = null;
    for (let row = 0; row < n; row += PIECE_ROWS) {
      const end = Math.min(row + PIECE_ROWS, n);
      const part = await this.ask((call) => run(call, z.slice(row * dim, end * dim)));
      if (!part) return null;
      const width = part.length / (end - row);
      all ??= new Float32Array(n * width);
      all.set(part, row * width);
    }
    return all;
  }

  private ask<T>(run: (call: Call) => Promise<T>): Promise<T> {
    return this.parts.link.use(async (call) => {
      await this.space(call);
      return run(call);
    });
  }

  private space(call: Call): Promise<void> {
    const { link, manifest, resources, columns } = this.parts;
    return link.need("space", async () => {
      const train = manifest.splits.indexOf("train");
      await call("openSpace", {
        dim: manifest.latentDim,
        classes: manifest.classes.length,
        z: manifest.z ? await resources.bytes("z") : null,
        labels: await this.givenLabels(),
        told: await this.toldLabels(),
        train: Uint8Array.from(columns.splits, (split) => Number(train < 0 || split === train)),
        linear: manifest.linear,
        knn: manifest.knn,
        fog: manifest.fog,
        plane: manifest.pca,
      });
    });
  }

  /** The labels that the classifiers have learnt from: without the reader's changes. */
  private async givenLabels(): Promise<Int16Array> {
    const { manifest, columns } = this.parts;
    const there = manifest.columns.some((each) => each.name === "label");
    return there ? ((await columns.column("label")) as Int16Array) : columns.labels;
  }

  /** The labels that the models were told: in the scope per-class, whose space a row lies in. */
  private async toldLabels(): Promise<Int16Array> {
    const { manifest, columns } = this.parts;
    const there = manifest.columns.some((each) => each.name === "told");
    return there ? ((await columns.column("told")) as Int16Array) : this.givenLabels();
  }

  private async map(call: Call, name: string): Promise<void> {
    if (this.onPlane(name)) return;
    const { link, columns } = this.parts;
    await link.need(`map ${name}`, async () => call("addMap", name, await columns.map(name)));
  }

  private async mixture(call: Call, info: MixtureInfo): Promise<void> {
    const { link, resources } = this.parts;
    await link.need(info.resource, async () =>
      call("addMixture", info, await resources.bytes(info.resource)),
    );
  }
}
