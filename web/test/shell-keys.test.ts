import assert from "node:assert/strict";
import { test } from "node:test";
import { nameOfKey } from "../src/shell/keys.ts";

const named = (key: string, code: string, shiftKey = false) => nameOfKey({ key, code, shiftKey });

test("a letter is the same key in either case, and with an input method of another script", () => {
  assert.equal(named("l", "KeyL"), "l");
  assert.equal(named("L", "KeyL"), "l");
  assert.equal(named("L", "KeyL", true), "Shift+l");
  assert.equal(named("\u3163", "KeyL"), "l");
  assert.equal(named("\u3143", "KeyQ", true), "Shift+q");
  assert.equal(named("\u0434", "KeyL"), "l");
  assert.equal(named("Process", "KeyB"), "b");
});

test("a letter of this script counts, wherever it lies on the keyboard", () => {
  assert.equal(named("a", "KeyQ"), "a");
  assert.equal(named("?", "Slash", true), "?");
  assert.equal(named("[", "BracketLeft"), "[");
  assert.equal(named("\u00e9", "Digit2"), "\u00e9");
  assert.equal(named("Escape", "Escape"), "Escape");
  assert.equal(named("ArrowUp", "ArrowUp", true), "Shift+ArrowUp");
});
