import assert from "node:assert/strict";
import { test } from "node:test";

import { words as drawWords } from "../src/features/generate/words.ts";
import { nearestToMean, readEnd, writeEnd, type End } from "../src/features/walk/ends.ts";
import { flipsInWords, fogInWords, fogOfWay } from "../src/features/walk/say.ts";
import { toldAlong } from "../src/features/walk/way.ts";
import { words as walkWords } from "../src/features/walk/words.ts";
import { flipsOf } from "../src/parts/odds.ts";

function t(key: string, values: Record<string, string | number> = {}): string {
  return walkWords.en[key].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]));
}

const say = (winners: number[]): string => flipsInWords(t, String, winners, flipsOf(winners));

test("a walk says where its answer flips, counting frames from one", () => {
  const twelve = [4, 4, 4, 4, 4, 4, 9, 9, 9, 9, 9, 9];
  assert.equal(say(twelve), "It turns from 4 into 9 at frame 7 of 12.");
  assert.equal(say([4, 8, 9]), "It turns from 4 into 8 at frame 2 of 3. Then into 9 at frame 3.");
  assert.equal(say([4, 4]), "It reads as 4 all the way.");
  assert.match(say([1, 2, 1, 2, 3]), /from 1 into 2 at frame 2 of 5, and 4 times in all; at the end it is 3/);
  assert.equal(say([-1, -1]), "");
});

test("fog in words", () => {
  assert.equal(fogInWords(t, 0), "among real images");
  assert.match(fogInWords(t, 0.42), /^42% in the fog/);
  assert.match(fogOfWay(t, [0, 0.5, 1]), /^2 of 3 frames/);
  assert.match(fogOfWay(t, [0, 0]), /^Every frame/);
});

test("the decoder is told the label of the nearer end", () => {
  assert.deepEqual([...toldAlong(5, 1, 2)], [1, 1, 1, 2, 2]);
  assert.deepEqual([...toldAlong(4, 1, 2)], [1, 1, 2, 2]);
});

test("the most typical of vectors is the one nearest to their mean", () => {
  assert.equal(nearestToMean(Float32Array.from([0, 0, 9, 9, 4, 4, 5, 6]), 2), 2);
  assert.equal(nearestToMean(Float32Array.from([3]), 1), 0);
});

test("ends go into the address and back; what is not there is left out", () => {
  const app = {
    manifest: { classes: [{ name: "a" }, { name: "b" }] },
    columns: { id: (row: number) => row + 100, row: (id: number) => (id >= 100 && id < 110 ? id - 100 : -1) },
  } as never;
  const ends: End[] = [
    { kind: "row", row: 7 },
    { kind: "class", label: 1 },
  ];
  for (const end of ends) assert.deepEqual(readEnd(app, writeEnd(app, end)), end);
  assert.equal(writeEnd(app, { kind: "z", z: new Float32Array(2), label: -1, name: "new" }), "");
  for (const text of ["", "i", "i3", "c2", "c-1", "x1", "ione"]) assert.equal(readEnd(app, text), null, text);
});

test("every word is there in every language, with the same things to fill in", () => {
  const fills = (text: string): string[] => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();
  for (const { en, ko } of [drawWords, walkWords]) {
    assert.deepEqual(Object.keys(ko), Object.keys(en));
    for (const key of Object.keys(en)) assert.deepEqual(fills(ko[key]), fills(en[key]), key);
  }
});
