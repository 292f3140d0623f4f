/** Relabels and tags as a layer over the labels of the space: what is asked, and what comes of it. */

import { csv, type Cell } from "./files.ts";

/** What the server answers on `/edits`; the page keeps the same where there is no server. */
export interface EditState {
  revision: number;
  /** The new label of an id, by name; "" where it has none now. */
  labels: Record<string, string>;
  /** The ids that carry a tag, ascending. */
  tags: Record<string, number[]>;
  history: Change[];
}

/** One change, as the history tells it. */
export interface Change {
  revision: number;
  what: string;
  count: number;
  undone: boolean;
}

/** A change asked for: a label for ids ("" for none, null for the one that the space came with),
 * or a tag; with `remove` the tag is taken off. */
export interface EditRequest {
  ids: number[];
  label?: string | null;
  tag?: string;
  remove?: boolean;
}

/** Nothing changed yet. */
export const UNCHANGED: EditState = { revision: 0, labels: {}, tags: {}, history: [] };

/** The state after one more change. Pure. */
export function applied(state: EditState, request: EditRequest): EditState {
  const next = { ...state, labels: { ...state.labels }, tags: { ...state.tags } };
  if (request.label !== undefined) {
    for (const id of request.ids) {
      if (request.label === null) delete next.labels[id];
      else next.labels[id] = request.label;
    }
  } else if (request.tag !== undefined) {
    const before = new Set(next.tags[request.tag]);
    for (const id of request.ids) {
      if (request.remove) before.delete(id);
      else before.add(id);
    }
    if (before.size) next.tags[request.tag] = [...before].sort((a, b) => a - b);
    else delete next.tags[request.tag];
  }
  return next;
}

/** What a change did, in the words in which the server tells its history. */
export function told(request: EditRequest): string {
  if (request.tag !== undefined) return `tag ${request.remove ? "off " : ""}${request.tag}`;
  if (request.label === null) return "original label";
  return request.label ? `label ${request.label}` : "no label";
}

/** The word of the dictionary for what a change did, with the name that goes into it. */
export function didWhat(what: string): { word: string; name: string } | null {
  if (what === "original label") return { word: "select.did.original", name: "" };
  if (what === "no label") return { word: "select.did.none", name: "" };
  const [, kind, name] = /^(label|tag off|tag) (.*)$/s.exec(what) ?? [];
  return kind ? { word: `select.did.${kind.replace(" ", "")}`, name } : null;
}

/** Changes as the reader made them, the newest first; that one was undone is said with it. */
export function changesMade(state: EditState): Change[] {
  const own = state.history.filter((change) => !/^undo of \d+$/.test(change.what));
  return own.sort((a, b) => b.revision - a.revision);
}

/** Changes that live as long as the page, on top of what was there when it was opened. */
export class SessionChanges {
  private readonly made: { request: EditRequest; undone: boolean }[] = [];

  constructor(private base: EditState) {}

  /** What was there turns up after the first changes: they stay on top of it. */
  startFrom(base: EditState): void {
    this.base = base;
  }

  /** The state after every change that was not undone. */
  get state(): EditState {
    const kept = this.made.filter((each) => !each.undone);
    const state = kept.reduce((before, each) => applied(before, each.request), this.base);
    const history = this.made.map(({ request, undone }, i) => ({
      revision: this.base.revision + i + 1,
      what: told(request),
      count: request.ids.length,
      undone,
    }));
    return { ...state, revision: this.base.revision + this.made.length, history };
  }

  add(request: EditRequest): void {
    this.made.push({ request, undone: false });
  }

  /** Takes back the latest change that still stands; false where there is none. */
  undo(): boolean {
    const last = this.made.findLast((each) => !each.undone);
    if (last) last.undone = true;
    return last !== undefined;
  }
}

/** Tags of each id. */
export function tagsById(state: EditState): Map<number, string[]> {
  const found = new Map<number, string[]>();
  for (const tag of Object.keys(state.tags).sort()) {
    for (const id of state.tags[tag]) found.set(id, [...(found.get(id) ?? []), tag]);
  }
  return found;
}

/** Every changed id with its label as given, its new one and its tags, as CSV: the new label is
 * empty where it is the same, `(none)` where it was taken away. */
export function changesCsv(state: EditState, given: (id: number) => string): string {
  const tags = tagsById(state);
  const ids = new Set([...Object.keys(state.labels).map(Number), ...tags.keys()]);
  const rows = [...ids].sort((a, b) => a - b).map((id): Cell[] => {
    const [old, now] = [given(id), state.labels[id] ?? given(id)];
    return [id, old, now === old ? "" : now || "(none)", (tags.get(id) ?? []).join(";")];
  });
  return csv(["id", "label", "new_label", "tags"], rows);
}

/** The names among the new labels that are no class of the space: those that were there `before`
 * in their order, so that they keep their colour, then the others as the ids name them. */
export function newNames(state: EditState, classes: readonly string[], before: readonly string[]): string[] {
  const found = new Set(Object.values(state.labels));
  for (const name of ["", ...classes]) found.delete(name);
  const kept = before.filter((name) => found.has(name));
  return [...new Set([...kept, ...found])];
}
