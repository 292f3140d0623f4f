import assert from "node:assert/strict";
import { test } from "node:test";
import { keyOf } from "../src/parts/columns.ts";
import { words } from "../src/parts/terms.ts";

const gaps = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();

test("each term and column is explained in both languages, with the same values filled in", () => {
  assert.deepEqual(Object.keys(words.ko), Object.keys(words.en));
  for (const [key, text] of Object.entries(words.en)) {
    assert.deepEqual(gaps(words.ko[key]), gaps(text), key);
    assert.ok(words.ko[key].trim(), key);
  }
  for (const key of Object.keys(words.en)) {
    if (/^column\.\w+$/.test(key)) assert.ok(words.en[`${key}.about`], key);
  }
});

test("a column is known by its name and title, so that one's own may be called as ours", () => {
  assert.equal(keyOf({ name: "surprise", title: "Surprise" }), "column.surprise");
  assert.equal(keyOf({ name: "told", title: "Own space" }), "column.own");
  assert.equal(keyOf({ name: "told", title: "Told label" }), "column.told");
  assert.equal(keyOf({ name: "label", title: "Kind of shoe" }), null);
  assert.equal(keyOf({ name: "weight", title: "Weight" }), null);
});
