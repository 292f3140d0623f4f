import assert from "node:assert/strict";
import { test } from "node:test";
import type { App } from "../src/contracts.ts";
import { holds, wouldLose } from "../src/parts/again.ts";

function page(panel: string, selected: number): Pick<App, "state"> {
  const state = { panel: { peek: () => panel }, selection: { peek: () => new Uint32Array(selected) } };
  return { state } as unknown as Pick<App, "state">;
}

test("a page that an address tells all of is loaded again without loss", () => {
  assert.equal(wouldLose(page("", 0)), false);
  assert.equal(wouldLose(page("select", 300)), false);
});

test("a selection that no link holds and an open tour would be lost", () => {
  assert.equal(wouldLose(page("select", 301)), true);
  assert.equal(wouldLose(page("tour", 0)), true);
});

test("what a feature holds would be lost, for as long as it holds it", () => {
  let held = false;
  const end = holds(() => held);
  assert.equal(wouldLose(page("", 0)), false);
  held = true;
  assert.equal(wouldLose(page("", 0)), true);
  end();
  assert.equal(wouldLose(page("", 0)), false);
});
