/** What can be listed, and where each list comes from. */

import type { App } from "../../contracts.ts";
import { percent } from "../../parts/odds.ts";
import { editsOf } from "../select/edits.ts";
import { copies, ranked, strangers, type Finding, type Neighbourhood } from "./findings.ts";

/** One list. Its words are `lists.ID` (title), `lists.ID.about` and `lists.ID.row`. */
export interface Kind {
  id: string;
  /** `find`: long work; `column`: a number that the page has. */
  from: "find" | "column";
  /** Of `column`. */
  column?: string;
  descending?: boolean;
  /** How many of the findings are worth a look: those from the first on for which this holds. */
  worth(finding: Finding): boolean;
}

/** Rows that a list shows at most. */
export const MOST = 1000;
const FIRST = 50;
const NEIGHBOURS = 10;
const AT_ONCE = 8;

const anything = () => true;

/** All lists, in the order shown. */
export const KINDS: Kind[] = [
  { id: "duplicates", from: "find", worth: anything },
  { id: "outliers", from: "find", worth: (finding) => finding.score >= 2 },
  { id: "mislabelled", from: "find", worth: (finding) => finding.score > 0 },
  { id: "error", from: "column", column: "error", descending: true, worth: anything },
  { id: "confidence", from: "column", column: "confidence", descending: false, worth: (f) => f.score < 0.5 },
  { id: "surprise", from: "column", column: "surprise", descending: true, worth: (f) => f.score > 0.5 },
  { id: "rarity", from: "column", column: "rarity", descending: true, worth: anything },
];

/** The lists that this space can have. */
export function kindsOf(app: App): Kind[] {
  const { columns, classes } = app.manifest;
  return KINDS.filter((kind) =>
    kind.from === "column"
      ? columns.some((column) => column.name === kind.column && column.kind === "number")
      : kind.id !== "mislabelled" || classes.length > 1,
  );
}

/** How many rows of a list are chosen at first: those worth a look, else some of the first. */
export function worthOf(kind: Kind, findings: Finding[]): number {
  const end = findings.findIndex((finding) => !kind.worth(finding));
  const worth = end < 0 ? findings.length : end;
  if (kind.id === "duplicates") return worth;
  return worth && kind.worth !== anything ? worth : Math.min(FIRST, findings.length);
}

/** Whether the list can be made where the page is. */
export function canFind(app: App, kind: Kind): boolean {
  if (kind.from === "column" || app.server) return true;
  return kind.id !== "mislabelled" && app.manifest.z !== null;
}

/** Makes a list.
 * @param known the neighbours of every row, if they were searched for before.
 * @throws PageError in words. Stops with null when `signal` says so. */
export async function findingsOf(
  app: App,
  kind: Kind,
  onProgress: (done: number) => void,
  signal: AbortSignal,
  neighbours: (look: () => Promise<Neighbourhood | null>) => Promise<Neighbourhood | null>,
): Promise<Finding[] | null> {
  if (kind.from === "column") return fromColumn(app, kind);
  if (app.server) return fromServer(app, kind, onProgress, signal);
  const near = await neighbours(() => everyNeighbour(app, onProgress, signal));
  if (!near) return null;
  if (kind.id === "duplicates") return copies(near).slice(0, MOST);
  const has = app.manifest.columns.some((column) => column.name === "error");
  const errors = has ? ((await app.columns.column("error")) as Float32Array) : null;
  return strangers(near, errors, groupsOf(app)).slice(0, MOST);
}

function groupsOf(app: App): Int16Array {
  const apart = app.manifest.scope === "per-class";
  return Int16Array.from({ length: app.columns.rows }, (_, row) => (apart ? app.toldOf(row) : 0));
}

async function fromColumn(app: App, kind: Kind): Promise<Finding[]> {
  const values = (await app.columns.column(kind.column!)) as Float32Array;
  const has = app.manifest.columns.some((column) => column.name === "predicted");
  const predicted = has ? await app.columns.column("predicted") : null;
  const name = (label: number) => app.manifest.classes[label]?.name ?? "?";
  return Array.from(ranked(values, kind.descending!, MOST), (row): Finding => {
    const value = values[row];
    return {
      row,
      partner: -1,
      score: value,
      facts: {
        value: Number(value.toPrecision(3)),
        percent: percent(value),
        rest: percent(1 - value),
        answer: predicted ? name(predicted[row]) : "?",
      },
    };
  });
}

interface Answer {
  rows: ({ id: number; partner?: number | null; score: number } & Record<string, unknown>)[];
}

async function fromServer(
  app: App,
  kind: Kind,
  onProgress: (done: number) => void,
  signal: AbortSignal,
): Promise<Finding[] | null> {
  try {
    const answer = await app.server!.job<Answer>("/find", { kind: kind.id, most: MOST }, onProgress, signal);
    return answer.rows.slice(0, MOST).flatMap((row) => fromAnswer(app, row));
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  }
}

function fromAnswer(app: App, answer: Answer["rows"][number]): Finding[] {
  const row = app.columns.row(answer.id);
  if (row < 0) return [];
  const other = Number(answer.partner_id ?? answer.partner ?? NaN);
  const number = (name: string) => Number(answer[name] ?? NaN);
  return [
    {
      row,
      partner: Number.isInteger(other) ? app.columns.row(other) : -1,
      score: answer.score,
      facts: {
        distance: Number(number("distance").toPrecision(3)),
        score: answer.score.toFixed(1),
        why: "either",
        suggested: String(answer.suggested ?? "?"),
        percent: percent(number("p_suggested")),
        own: percent(number("p_label")),
        given: String(answer.label ?? "") || editsOf(app).givenName(answer.id),
      },
    },
  ];
}

/** The nearest other rows of every row, a few questions at a time. */
async function everyNeighbour(
  app: App,
  onProgress: (done: number) => void,
  signal: AbortSignal,
): Promise<Neighbourhood | null> {
  const { latentDim, scope } = app.manifest;
  const z = await app.columns.z();
  const n = app.columns.rows;
  const k = Math.min(NEIGHBOURS, n - 1);
  const found: Neighbourhood = { k, rows: new Uint32Array(n * k), distances: new Float32Array(n * k).fill(Infinity) };
  if (!z) return null;
  const ask = async (row: number) => {
    const among = scope === "per-class" ? app.toldOf(row) : -1;
    const near = await app.latents.nearest(z.slice(row * latentDim, (row + 1) * latentDim), k, row, among);
    // A class of fewer rows than k leaves the rest at infinity, on the row itself.
    found.rows.fill(row, row * k, (row + 1) * k);
    found.rows.set(near.rows.subarray(0, k), row * k);
    found.distances.set(near.distances.subarray(0, k), row * k);
  };
  for (let row = 0; row < n; row += AT_ONCE) {
    if (signal.aborted) return null;
    const batch = Array.from({ length: Math.min(AT_ONCE, n - row) }, (_, i) => row + i);
    await Promise.all(batch.map(ask));
    onProgress((row + batch.length) / n);
  }
  return found;
}
