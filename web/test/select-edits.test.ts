import assert from "node:assert/strict";
import { test } from "node:test";
import type { App } from "../src/contracts.ts";
import { UNCHANGED, type EditState } from "../src/features/select/changes.ts";
import { Edits } from "../src/features/select/edits.ts";

// What the browser has and Node has not, or has in a way that keeps the process alive.
Object.assign(globalThis, {
  document: { addEventListener: () => undefined, hidden: false },
  addEventListener: () => undefined,
  BroadcastChannel: class {
    postMessage(): void {}
  },
});

const state = (revision: number, labels: Record<string, string>): EditState => ({ ...UNCHANGED, revision, labels });

/** A page with two images of class a, and answers that come when a test says so. */
function paged(readOnly: boolean) {
  const waiting: ((state: EditState) => void)[] = [];
  const later = () => new Promise<EditState>((answer) => waiting.push(answer));
  const app = {
    manifest: { fingerprint: "1", classes: [{ name: "a" }, { name: "b" }], columns: [{ name: "label" }] },
    columns: { labels: Int16Array.of(0, 0), row: (id: number) => id },
    state: { hidden: { value: new Set() }, colour: { value: "label" } },
    server: { readOnly, get: later, send: later },
    say: assert.fail,
  } as unknown as App;
  return { app, edits: new Edits(app), waiting };
}

test("an answer from before a change does not take the change back", async () => {
  const { app, edits, waiting } = paged(false);
  const loaded = edits.load();
  const made = edits.apply({ ids: [1], label: "b" });
  waiting[1](state(1, { 1: "b" }));
  assert.equal(await made, true);
  waiting[0](state(0, {}));
  await loaded;
  assert.equal(edits.state.value.revision, 1);
  assert.deepEqual([...app.columns.labels], [0, 1]);
});

test("an answer to a change from before what another tab made of it is not shown", async () => {
  const { app, edits, waiting } = paged(false);
  const made = edits.apply({ ids: [1], label: "b" });
  const loaded = edits.load();
  waiting[1](state(2, { 0: "b", 1: "b" }));
  await loaded;
  waiting[0](state(1, { 1: "b" }));
  assert.equal(await made, true);
  assert.deepEqual([edits.state.value.revision, ...app.columns.labels], [2, 1, 1]);
});

test("a change made before a read-only page knows the others stays on top of them", async () => {
  const { app, edits, waiting } = paged(true);
  const loaded = edits.load();
  await edits.apply({ ids: [1], label: "b" });
  waiting[0](state(7, { 0: "b", 1: "" }));
  await loaded;
  assert.deepEqual([...app.columns.labels], [1, 1]);
  assert.equal(edits.undoable, true);
  await edits.undo();
  assert.deepEqual([...app.columns.labels], [1, -1]);
});
