/** What the frame of the page knows beyond the state that features share. */

import type { ReadonlySignal, Signal } from "@preact/signals";
import type { Feature } from "../contracts.ts";
import type { Colouring } from "./colours.ts";
import type { Panel } from "./layout.ts";

/** A key with what it does, for the help sheet. */
export interface Key {
  key: string;
  about: string;
  run: () => void;
}

/** A message at the foot of the page. */
export interface Message {
  number: number;
  text: string;
  kind: "note" | "error";
}

/** Signals of the frame. */
export interface Frame {
  dark: ReadonlySignal<boolean>;
  colouring: Signal<Colouring>;
  panels: Signal<Panel[]>;
  /** Rows that stand at the edge of their panel, since they lie far from the others of their class. */
  strays: Signal<ReadonlySet<number>>;
  /** The row with a card: the pinned one, or the one that the cursor rests on. */
  carded: ReadonlySignal<number>;
  lines: Signal<{ row: number; near: Uint32Array }>;
  messages: Signal<Message[]>;
  help: Signal<boolean>;
  keys: Key[];
  features: Feature[];
  /** What is being loaded, in words; empty when nothing is. */
  loading: Signal<string>;
  /** The space has another fingerprint on the server than in the page. */
  changed: Signal<boolean>;
  /** Where the map is looked at, as `spotOf` writes it; empty for all of it. */
  spot: Signal<string>;
  /** The card that opens next takes the focus, because the keyboard opened it. */
  enter: boolean;
  /** Closes the card that is open; whoever was in it goes back to the map. */
  closeCard(): void;
  /** Whether first-time visitors are told what the dots are. */
  hint: Signal<boolean>;
}
