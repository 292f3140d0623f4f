import assert from "node:assert/strict";
import { test } from "node:test";
import { readerOf } from "../src/load/server.ts";

test("a tab keeps its word over a reload, and has one where nothing can be kept", () => {
  const kept = new Map<string, string>();
  const store = () => ({
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => void kept.set(name, value),
  });
  const first = readerOf(store);
  assert.match(first, /^[0-9a-f]{16}$/);
  assert.equal(readerOf(store), first);
  const barred = () => {
    throw new Error("not allowed");
  };
  assert.match(readerOf(barred), /^[0-9a-f]{16}$/);
  assert.notEqual(readerOf(barred), readerOf(barred));
});
