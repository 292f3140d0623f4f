import assert from "node:assert/strict";
import { test } from "node:test";
import { asSet, combine, counts, inverted, rowsWith, sorted, toggled } from "../src/features/select/sets.ts";
import { boxOf, modeOf } from "../src/features/select/tools.ts";
import { csv, idLines, short, stem } from "../src/features/select/files.ts";

const set = (...rows: number[]) => Uint32Array.from(rows);

test("rows drawn replace, add to, or are taken from the selection, which stays ascending", () => {
  const before = set(2, 10, 30);
  assert.deepEqual(combine(before, set(9, 100, 2), "replace"), set(2, 9, 100));
  assert.deepEqual(combine(before, set(9, 10), "add"), set(2, 9, 10, 30));
  assert.deepEqual(combine(before, set(9, 10), "subtract"), set(2, 30));
  assert.deepEqual(before, set(2, 10, 30));
});

test("a toggled row goes in, and out again", () => {
  assert.deepEqual(toggled(set(4), 3), set(3, 4));
  assert.deepEqual(toggled(set(3, 4), 3), set(4));
});

test("inverting twice gives the selection back", () => {
  const before = set(0, 3, 4);
  assert.deepEqual(inverted(before, 6), set(1, 2, 5));
  assert.deepEqual(inverted(inverted(before, 6), 6), before);
});

test("sets hold each row once, by number and not by text", () => {
  assert.deepEqual(asSet([100, 9, 9, 20]), set(9, 20, 100));
});

test("counts of the classes and of the unknown add up to the rows", () => {
  const labels = Int16Array.of(0, 1, 1, -1, 2, 1);
  assert.deepEqual(counts(labels, set(0, 1, 2, 3, 5), 3), set(1, 3, 0, 1));
  assert.deepEqual(rowsWith(labels, 1), set(1, 2, 5));
  assert.deepEqual(rowsWith(labels, -1), set(3));
});

test("missing numbers are last both ways, ties are in order of rows", () => {
  const values = Float32Array.of(0.5, NaN, 2, 0.5, 1);
  const rows = set(0, 1, 2, 3, 4);
  assert.deepEqual(sorted(rows, values, true), set(2, 4, 0, 3, 1));
  assert.deepEqual(sorted(rows, values, false), set(0, 3, 4, 2, 1));
  assert.deepEqual(sorted(rows, null, true), set(4, 3, 2, 1, 0));
  assert.deepEqual(rows, set(0, 1, 2, 3, 4));
});

test("Alt takes away, Shift adds, neither replaces", () => {
  assert.equal(modeOf({ shiftKey: true, altKey: false }), "add");
  assert.equal(modeOf({ shiftKey: false, altKey: true }), "subtract");
  assert.equal(modeOf({ shiftKey: true, altKey: true }), "subtract");
  assert.equal(modeOf({ shiftKey: false, altKey: false }), "replace");
});

test("a box has the first and the last point of a drag as corners", () => {
  assert.deepEqual(boxOf([1, 2, 50, 60, 7, 9]), [1, 2, 7, 2, 7, 9, 1, 9]);
});

test("cells with commas, quotes, line ends or outer blanks are quoted", () => {
  const text = csv(["id", "name"], [
    [1, "plain"],
    [2, 'say "hi", twice'],
    [3, "two\nlines"],
    [4, " blank"],
    [5, null],
    [6, NaN],
  ]);
  assert.equal(
    text,
    'id,name\n1,plain\n2,"say ""hi"", twice"\n3,"two\nlines"\n4," blank"\n5,\n6,\n',
  );
});

test("a name that a spreadsheet would run as a formula is made harmless, a number is not touched", () => {
  assert.equal(csv(["a"], [["=1+2"], ["@cmd"], ["-3.5"], [-4]]), "a\n'=1+2\n'@cmd\n-3.5\n-4\n");
});

test("ids stand one a line; numbers are short; names are fit for files", () => {
  assert.equal(idLines([3, 5]), "3\n5\n");
  assert.equal(short(0.123456789), 0.123457);
  assert.equal(short(NaN), null);
  assert.equal(stem("my space/1.latlas"), "my-space-1");
});
