/** What the page itself says of what fails, in the reader's language. What a server says stays as it is. */

import { PageError } from "../contracts.ts";
import { words } from "./words.ts";

let language: () => string = () => (globalThis.navigator?.language ?? "en").slice(0, 2);

/** Whose language is spoken from now on; before, it is that of the browser. */
export function speak(read: () => string): void {
  language = read;
}

/** Words of `words.ts` in the reader's language, with values filled in. */
export function said(key: string, values: Record<string, string | number> = {}): string {
  const text = words[language()]?.[key] ?? words.en[key];
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** An error in the words of a key; `status` where a server answered. */
export function failure(key: string, values: Record<string, string | number> = {}, status = 0): PageError {
  return new PageError(said(key, values), status);
}

/** Whether a text says that the space has changed on disk, in whatever language. */
export function isStale(text: string): boolean {
  return Object.values(words).some((table) => table["fail.stale"] === text);
}
