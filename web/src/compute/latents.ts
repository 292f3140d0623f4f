/** All that the page computes on latents, over the rows of one space; runs in the worker. */

import type { KnnInfo, LinearInfo, MixtureInfo, Near } from "../contracts.ts";
import { flattened, hidden, type Directions } from "./directions.ts";
import { fogAt } from "./fog.ts";
import { fitGaussian, shrunk } from "./gaussian.ts";
import { meanOf, scatterOf } from "./matrix.ts";
import { drawFrom, readMixture, type Density } from "./mixture.ts";
import { Search } from "./search.ts";
import { classShares, knnOddsInto, linearOdds } from "./odds.ts";
import { placeAmong, placeOnPlane, PLACING_NEIGHBOURS } from "./place.ts";
import { alongData, straight } from "./walk.ts";

/** Rows that say what a neighbourhood looks like. */
export const LOCAL_ROWS = 100;
/** A selection with fewer rows for each dimension leans on its surroundings. */
const FEW_FOR_EACH_DIMENSION = 5;

/** What is known of a space. */
export interface SpaceData {
  dim: number;
  /** Number of classes of the space. */
  classes: number;
  /** float32 [N D], null where the page does not carry them. */
  z: Float32Array | null;
  /** int16 [N], -1 where unknown. */
  labels: Int16Array;
  /** int16 [N]: the label that a row's model was told, which is what `among` means, -1 where
   * unknown; absent: the labels. Rows that changed their label lie where they were. */
  told?: Int16Array;
  /** uint8 [N]: 1 for the rows that were trained on. */
  train: Uint8Array;
  linear: LinearInfo | null;
  knn: KnnInfo | null;
  fog: number[];
  /** The plane of the map "pca". */
  plane: { mean: number[]; components: [number[], number[]] } | null;
}

/** The maths of one space, whose public methods are what the worker is asked. `among` is a label whose rows alone count, -1 for all. */
export class LatentMaths {
  private readonly search: Search | null;
  private readonly masks = new Map<string, Uint8Array>();
  private readonly maps = new Map<string, Float32Array>();
  private readonly mixtures = new Map<string, Map<number, Density>>();
  private readonly shares: Float64Array | null;

  constructor(private readonly space: SpaceData) {
    this.search = space.z ? new Search(space.z, space.dim) : null;
    // Now, in the background, and not under the first cursor.
    this.search?.build();
    this.shares = space.knn ? classShares(space.knn, space.labels, space.train) : null;
  }

  /** Makes the places float32 [2 N] of a map known. */
  addMap(name: string, places: Float32Array): void {
    this.maps.set(name, places);
    this.masks.delete(`map ${name}`);
  }

  /** Makes the densities of a mixture known. */
  addMixture(info: MixtureInfo, bytes: ArrayBuffer): void {
    this.mixtures.set(info.name, readMixture(info, bytes, this.space.dim));
  }

  /** The k nearest rows of a latent [D]; `except` (-1: none) and `without` are left out. */
  nearest(z: Float32Array, k: number, except: number, among: number, without?: Uint32Array): Near {
    const more = except >= 0 ? k + 1 : k;
    const allowed = this.kept(among);
    const found = this.rows().nearest(z, more, without?.length ? this.others(without, allowed) : allowed);
    const kept = Array.from(found.rows.keys()).filter((i) => found.rows[i] !== except);
    return {
      rows: Uint32Array.from(kept.slice(0, k), (i) => found.rows[i]),
      distances: Float32Array.from(kept.slice(0, k), (i) => found.distances[i]),
    };
  }

  /** Odds float32 [n K] of latents [n D]; null where nothing here tells classes apart. */
  odds(z: Float32Array): Float32Array | null {
    const { knn, linear, dim, classes, labels } = this.space;
    if (knn && this.search && this.shares) {
      const learnt = this.learnt(knn);
      const odds = new Float32Array((z.length / dim) * classes);
      for (let row = 0; row * dim < z.length; row++) {
        const near = this.search.nearest(z.subarray(row * dim, row * dim + dim), knn.k, learnt);
        knnOddsInto(knn, near, labels, this.shares, odds, row * classes);
      }
      return odds;
    }
    return linear ? linearOdds(linear, z, dim, classes) : null;
  }

  /** Fog 0..1 of latents [n D], by their nearest training row: float32 [n]. */
  fog(z: Float32Array, among: number): Float32Array {
    const { dim, fog } = this.space;
    const mask = this.trained(among);
    return Float32Array.from({ length: z.length / dim }, (_, row) => {
      const near = this.rows().nearest(z.subarray(row * dim, row * dim + dim), 1, mask);
      return near.rows.length ? fogAt(near.distances[0], fog) : 1;
    });
  }

  /** n latents of a mixture that was made known: float32 [n D]. */
  sample(name: string, n: number, label: number, temperature: number, seed: number): Float32Array {
    const density = this.mixtures.get(name)?.get(label);
    if (!density) throw new RangeError(`the prior ${name} has no density for this class; choose another`);
    return drawFrom(density, n, temperature, seed);
  }

  /** n latents of a Gaussian fitted on rows of the space: float32 [n D]. */
  sampleLike(
    rows: Uint32Array,
    n: number,
    temperature: number,
    seed: number,
    among: number,
  ): Float32Array {
    if (rows.length === 0)
      throw new RangeError("no image is selected; select at least one to sample like it");
    return this.sampleAround(this.gathered(rows), n, temperature, seed, among);
  }

  /** The same for latents float32 [m D] that need not be rows. */
  sampleAround(
    own: Float32Array,
    n: number,
    temperature: number,
    seed: number,
    among: number,
  ): Float32Array {
    const { dim } = this.space;
    const few = own.length / dim < FEW_FOR_EACH_DIMENSION * dim;
    const density = fitGaussian(own, dim, few && this.search ? this.surroundings(own, among) : undefined);
    return drawFrom(density, n, temperature, seed);
  }

  /** `steps` latents from a to b: float32 [steps D]. */
  walk(
    a: Float32Array,
    b: Float32Array,
    steps: number,
    path: "linear" | "graph",
    among: number,
  ): Float32Array {
    if (path === "linear") return straight(a, b, steps);
    const mask = this.kept(among);
    const way = alongData(this.rows().points, this.space.dim, a, b, steps, mask);
    if (!way) {
      throw new RangeError(
        "no way along the data joins these two: they lie on islands of their own. Walk straight instead",
      );
    }
    return way;
  }

  /** Up to m local directions at a latent [D] that a map that was made known flattens. */
  directions(z: Float32Array, map: string, m: number, among: number): Directions {
    const near = this.nearest(z, LOCAL_ROWS, -1, among);
    return this.directionsAmong(this.gathered(near.rows), near.rows, map, m);
  }

  /** The same from the latents [n D] of rows that are known to be near. */
  directionsAmong(own: Float32Array, rows: Uint32Array, map: string, m: number): Directions {
    const { dim, plane } = this.space;
    if (map === "pca" && plane) return hidden(own, plane.components, dim, m);
    const places = this.mapOf(map);
    const local = Float32Array.from(
      { length: 2 * rows.length },
      (_, i) => places[2 * rows[i >> 1] + (i & 1)],
    );
    return flattened(own, local, dim, m);
  }

  /** Where latents [n D] land on a map that was made known: float32 [2 n]. */
  place(z: Float32Array, map: string, among: number): Float32Array {
    const { dim, plane } = this.space;
    if (map === "pca" && plane) return placeOnPlane(plane, z);
    const places = this.mapOf(map);
    const mask = this.placed(map, among);
    const xy = new Float32Array((2 * z.length) / dim);
    for (let row = 0; row * dim < z.length; row++) {
      const near = this.rows().nearest(z.subarray(row * dim, row * dim + dim), PLACING_NEIGHBOURS, mask);
      xy.set(placeAmong(near, places), 2 * row);
    }
    return xy;
  }

  private rows(): Search {
    if (!this.search)
      throw new RangeError("this page does not carry the latents; open the space with: latlas serve");
    return this.search;
  }

  private mapOf(name: string): Float32Array {
    const places = this.maps.get(name);
    if (!places) throw new RangeError(`this space has no map ${name}`);
    return places;
  }

  /** The latents of rows: float32 [n D]. */
  private gathered(rows: Uint32Array): Float32Array {
    const { dim } = this.space;
    const { points } = this.rows();
    const own = new Float32Array(rows.length * dim);
    rows.forEach((row, i) => own.set(points.subarray(row * dim, row * dim + dim), i * dim));
    return own;
  }

  /** The covariance of what lies around the mean of latents, for few of them to lean on. */
  private surroundings(own: Float32Array, among: number): Float64Array {
    const { dim } = this.space;
    const around = this.rows().nearest(meanOf(own, dim), LOCAL_ROWS, this.kept(among));
    const rows = this.gathered(around.rows);
    return shrunk(scatterOf(rows, dim, meanOf(rows, dim)), around.rows.length, dim);
  }

  /** Whether a row counts among those of a label. */
  private isAmong(row: number, among: number): boolean {
    return among < 0 || (this.space.told ?? this.space.labels)[row] === among;
  }

  /** The rows that count, null: all. */
  private kept(among: number): Uint8Array | null {
    return among < 0 ? null : this.mask(`label ${among}`, (row) => this.isAmong(row, among));
  }

  /** The same but for some rows. */
  private others(without: Uint32Array, kept: Uint8Array | null): Uint8Array {
    const mask = kept ? kept.slice() : new Uint8Array(this.space.labels.length).fill(1);
    for (const row of without) mask[row] = 0;
    return mask;
  }

  private trained(among: number): Uint8Array {
    const { train } = this.space;
    const any = train.includes(1);
    return this.mask(
      `train ${among}`,
      (row) => (!any || train[row] === 1) && this.isAmong(row, among),
    );
  }

  private learnt(knn: KnnInfo): Uint8Array {
    const known = new Set(knn.classes);
    return this.mask("learnt", (row) => this.space.train[row] === 1 && known.has(this.space.labels[row]));
  }

  private placed(map: string, among: number): Uint8Array {
    const places = this.mapOf(map);
    return this.mask(
      among < 0 ? `map ${map}` : `map ${map} ${among}`,
      (row) => !Number.isNaN(places[2 * row]) && this.isAmong(row, among),
    );
  }

  private mask(key: string, keep: (row: number) => boolean): Uint8Array {
    let mask = this.masks.get(key);
    if (!mask) {
      mask = Uint8Array.from(this.space.labels, (_, row) => Number(keep(row)));
      this.masks.set(key, mask);
    }
    return mask;
  }
}
