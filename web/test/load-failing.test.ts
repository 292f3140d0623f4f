import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { failure, isStale, said, speak } from "../src/load/failing.ts";
import { words } from "../src/load/words.ts";

const SOURCE = join(import.meta.dirname, "../../web/src");
const files = (readdirSync(SOURCE, { recursive: true }) as string[]).filter((name) => /\.tsx?$/.test(name));
const text = new Map(files.map((name) => [name, readFileSync(join(SOURCE, name), "utf8")]));

test("what fails is said in the language of the reader, with its values", () => {
  speak(() => "ko");
  assert.equal(failure("fail.map", { name: "umap" }).message, "이 공간에는 umap 지도가 없습니다");
  assert.ok(isStale(said("fail.stale")));
  speak(() => "en");
  const error = failure("fail.runtime", { status: 503 }, 503);
  assert.equal(error.message, "the runtime of the nets is not there (503). Install latlas again.");
  assert.equal(error.status, 503);
  assert.ok(isStale(said("fail.stale")) && !isStale(error.message));
  speak(() => "fr");
  assert.equal(said("fail.cancelled"), "cancelled");
});

test("no error of the page is written in one language only, and no key is missing or idle", () => {
  for (const [name, code] of text) assert.doesNotMatch(code, /PageError\(\s*["'`]/, name);
  const all = [...text].filter(([name]) => name !== "load/words.ts").map(([, code]) => code).join("\n");
  const used = new Set(Array.from(all.matchAll(/"(fail\.[a-z.]+)"/g), (match) => match[1]));
  assert.deepEqual([...used].sort(), Object.keys(words.en).sort());
});
