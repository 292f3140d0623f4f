import assert from "node:assert/strict";
import { test } from "node:test";
import { words as lists } from "../src/features/lists/words.ts";
import { words as load } from "../src/load/words.ts";
import { words as select } from "../src/features/select/words.ts";

const gaps = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();

for (const [name, words] of Object.entries({ select, lists, load })) {
  test(`${name}: Korean says whatever English says, with the same values filled in`, () => {
    assert.deepEqual(Object.keys(words.ko).sort(), Object.keys(words.en).sort());
    for (const [key, text] of Object.entries(words.en)) {
      const given = new Set(gaps(text));
      const strange = gaps(words.ko[key]).filter((gap) => !given.has(gap));
      assert.deepEqual(strange, [], key);
      assert.ok(words.ko[key].trim(), key);
    }
  });
}
