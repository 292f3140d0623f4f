/** The two ends of a walk: an image, the most typical image of a class, or any latent vector. */

import { PageError, type App } from "../../contracts.ts";
import { amongOf } from "../../parts/within.ts";
import { placedClasses } from "../../shell/classes.ts";

/** One end of a walk. */
export type End =
  | { kind: "row"; row: number }
  | { kind: "class"; label: number }
  /** `name`: what it is called on the page. */
  | { kind: "z"; z: Float32Array; label: number; name: string };

/** An end with its latent vector. */
export interface Found {
  z: Float32Array;
  /** The label that the decoder is told, -1 for none. */
  told: number;
  /** The row whose image it is, -1 for none. */
  row: number;
}

/** How many rows a class's middle is taken over where the latents are not in memory. */
const ASKED = 200;

/** Where an end lies.
 * @throws PageError for a class without images. */
export async function findEnd(app: App, end: End): Promise<Found> {
  if (end.kind === "z") return { z: end.z, told: end.label, row: -1 };
  const row = end.kind === "row" ? end.row : await typicalRow(app, end.label);
  return { z: await app.latentsOf([row]), told: app.toldOf(row), row };
}

const typical = new WeakMap<Int16Array, Map<number, Promise<number>>>();

/** The training image nearest to the mean of its class: its row. */
export function typicalRow(app: App, label: number): Promise<number> {
  const { labels } = app.columns;
  const known = typical.get(labels) ?? new Map<number, Promise<number>>();
  typical.set(labels, known);
  let row = known.get(label);
  if (!row) {
    known.set(label, (row = findTypical(app, label)));
    row.catch(() => known.delete(label));
  }
  return row;
}

async function findTypical(app: App, label: number): Promise<number> {
  let rows = rowsOf(app, label);
  if (rows.length === 0) {
    const name = app.manifest.classes[label]?.name ?? "?";
    throw new PageError(app.t("walk.empty-class", { name }));
  }
  if (!app.manifest.z) rows = spread(rows, ASKED);
  return rows[nearestToMean(await app.latentsOf(rows), app.manifest.latentDim)];
}

/** The training rows of a class, all its rows where none was trained on. */
function rowsOf(app: App, label: number): number[] {
  const { labels, splits } = app.columns;
  const train = app.manifest.splits.indexOf("train");
  // A row whose label was changed lies in the space of its old one, and has no mean with these.
  const within = (row: number) => amongOf(app, label) < 0 || app.toldOf(row) === label;
  const own = [...labels.keys()].filter((row) => labels[row] === label && within(row));
  const trained = own.filter((row) => splits[row] === train);
  return trained.length > 0 ? trained : own;
}

function spread(rows: number[], most: number): number[] {
  if (rows.length <= most) return rows;
  return Array.from({ length: most }, (_, i) => rows[Math.floor((i * rows.length) / most)]);
}

/** Which of vectors [n D] lies nearest to their mean: 0..n - 1. */
export function nearestToMean(z: Float32Array, dim: number): number {
  const n = z.length / dim;
  const mean = new Float64Array(dim);
  for (let i = 0; i < z.length; i++) mean[i % dim] += z[i] / n;
  let [best, least] = [0, Infinity];
  for (let row = 0; row < n; row++) {
    let square = 0;
    for (let d = 0; d < dim; d++) square += (z[row * dim + d] - mean[d]) ** 2;
    if (square < least) [best, least] = [row, square];
  }
  return best;
}

/** An end as it stands in the address: i and an id, c and a class; empty for one that only passes. */
export function writeEnd(app: App, end: End | null): string {
  if (end?.kind === "row") return `i${app.columns.id(end.row)}`;
  return end?.kind === "class" ? `c${end.label}` : "";
}

/** Reads `writeEnd`; null for one that is not there. */
export function readEnd(app: App, text: string): End | null {
  const number = Number(text.slice(1));
  if (text.length < 2 || !Number.isInteger(number)) return null;
  if (text[0] === "c") {
    return placedClasses(app.manifest)[number] ? { kind: "class", label: number } : null;
  }
  const row = text[0] === "i" ? app.columns.row(number) : -1;
  return row >= 0 ? { kind: "row", row } : null;
}
