import assert from "node:assert/strict";
import { test } from "node:test";
import { applied, changesCsv, changesMade, didWhat, SessionChanges, tagsById, told, UNCHANGED } from "../src/features/select/changes.ts";

test("a label lies over the given one; a tag is a set of ids", () => {
  let state = applied(UNCHANGED, { ids: [5, 3], label: "seven" });
  state = applied(state, { ids: [9, 3], tag: "odd" });
  state = applied(state, { ids: [3, 4], tag: "odd" });
  assert.deepEqual(state.labels, { 3: "seven", 5: "seven" });
  assert.deepEqual(state.tags, { odd: [3, 4, 9] });
  state = applied(state, { ids: [3, 4, 9], tag: "odd", remove: true });
  assert.deepEqual(state.tags, {});
  assert.deepEqual(UNCHANGED.labels, {});
});

test("undo takes back the latest change that stands, in any number of steps", () => {
  const session = new SessionChanges(UNCHANGED);
  session.add({ ids: [1], label: "a" });
  session.add({ ids: [1, 2], label: "b" });
  assert.deepEqual(session.state.labels, { 1: "b", 2: "b" });
  assert.equal(session.undo(), true);
  assert.deepEqual(session.state.labels, { 1: "a" });
  session.add({ ids: [1], tag: "t" });
  assert.equal(session.undo(), true);
  assert.equal(session.undo(), true);
  assert.equal(session.undo(), false);
  assert.deepEqual(session.state.labels, {});
  assert.deepEqual(
    session.state.history.map((change) => [change.revision, change.what, change.count, change.undone]),
    [
      [1, "label a", 1, true],
      [2, "label b", 2, true],
      [3, "tag t", 1, true],
    ],
  );
});

test("changes of the session lie on top of what the space holds", () => {
  const session = new SessionChanges({ ...UNCHANGED, revision: 4, labels: { 7: "x" }, tags: { old: [7] } });
  session.add({ ids: [7, 8], label: "y" });
  assert.deepEqual(session.state.labels, { 7: "y", 8: "y" });
  session.undo();
  assert.deepEqual(session.state.labels, { 7: "x" });
  assert.deepEqual(session.state.tags, { old: [7] });
});

test("the CSV of the changes names every changed id once, with all of its tags", () => {
  const state = { ...UNCHANGED, labels: { 12: "cat, wild", 3: "dog", 5: "given 5", 6: "" }, tags: { b: [3, 40], a: [3] } };
  assert.equal(
    changesCsv(state, (id) => `given ${id}`),
    'id,label,new_label,tags\n3,given 3,dog,a;b\n5,given 5,,\n6,given 6,(none),\n12,given 12,"cat, wild",\n40,given 40,,b\n',
  );
  assert.deepEqual(tagsById(state).get(3), ["a", "b"]);
});

test("a label can be taken away, and given back as it came", () => {
  let state = applied(UNCHANGED, { ids: [1, 2], label: "" });
  assert.deepEqual(state.labels, { 1: "", 2: "" });
  state = applied(state, { ids: [2], label: null });
  assert.deepEqual(state.labels, { 1: "" });
});

test("the history reads the words of the server, which are those of the page", () => {
  const requests = [
    { ids: [1], label: "tag off" },
    { ids: [1], label: "" },
    { ids: [1], label: null },
    { ids: [1], tag: "a b" },
    { ids: [1], tag: "x", remove: true },
  ];
  assert.deepEqual(requests.map((each) => didWhat(told(each))), [
    { word: "select.did.label", name: "tag off" },
    { word: "select.did.none", name: "" },
    { word: "select.did.original", name: "" },
    { word: "select.did.tag", name: "a b" },
    { word: "select.did.tagoff", name: "x" },
  ]);
  assert.equal(didWhat("undo of 3"), null);
});

test("an undo is shown with what it undid, not as a change of its own", () => {
  const change = (revision: number, what: string, undone = false) => ({ revision, what, count: 1, undone });
  const history = [change(1, "label a"), change(2, "label b", true), change(3, "undo of 2")];
  const made = changesMade({ ...UNCHANGED, history });
  assert.deepEqual(made.map((each) => each.revision), [2, 1]);
});
