/** Ids of elements: those of Preact begin anew in each of the page's roots. */

import { useState } from "preact/hooks";

let last = 0;

/** An id that no other element of the page has. */
export function useOwnId(): string {
  return useState(() => `own-${++last}`)[0];
}
