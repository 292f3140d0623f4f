/** Loading the page again, for a space that the page itself has changed. */

import type { App } from "../contracts.ts";
import { announceChange } from "../load/resources.ts";
import { MOST_ROWS } from "../shell/state.ts";

const holders = new Set<() => boolean>();

/** Registers what the address does not keep: `held` tells whether there is any of it now.
 * @returns how to take it back. */
export function holds(held: () => boolean): () => void {
  holders.add(held);
  return () => void holders.delete(held);
}

/** Whether something on the page is gone when it is loaded again. */
export function wouldLose({ state }: Pick<App, "state">): boolean {
  const more = state.selection.peek().length > MOST_ROWS || state.panel.peek() === "tour";
  return more || [...holders].some((held) => held());
}

/** Loads the page again, as its address says; where something would be lost, the page says only
 * that there is something new.
 * @param before runs before the page goes. */
export function loadAgain(app: App, before: () => void): void {
  if (wouldLose(app)) return announceChange();
  before();
  location.reload();
}
