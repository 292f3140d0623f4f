/** The page before its points are there: the name of the space, and how far they are. */

import type { Signal } from "@preact/signals";
import type { Manifest, Resources } from "../contracts.ts";
import { words } from "./words.ts";

const MEGABYTE = 1e6;

/** What is there of the first picture, in bytes. */
export interface Arrived {
  done: number;
  total: number;
}

/** The name of the space with a bar; `language` is that of the words. */
export function Loading({ manifest, arrived, language }: { manifest: Manifest; arrived: Signal<Arrived>; language: string }) {
  const { done, total } = arrived.value;
  const say = (key: string) => words[language][key] ?? words.en[key];
  const [here, whole] = [done, total].map((bytes) => (bytes / MEGABYTE).toFixed(1));
  const share = say("loading.share").replace("{done}", here).replace("{total}", whole);
  return (
    <div class="boot loading">
      <strong>{manifest.name}</strong>
      <progress max={total} value={done} aria-label={say("loading.points")} />
      <span role="status">{say("loading").replace("{what}", say("loading.points"))}</span>
      <span class="small">{share}</span>
    </div>
  );
}

/** Fetches the columns of the first picture, which are then at hand for whoever asks for them.
 * What fails here fails again, in words, where it is asked for.
 */
export async function fetchFirst(
  manifest: Manifest,
  resources: Resources,
  map: string,
  arrived: Signal<Arrived>,
): Promise<void> {
  const sizes = new Map<string, number>();
  if (map) sizes.set(`map-${map}`, 4 * manifest.rows);
  for (const { name, dtype } of manifest.columns) {
    if (name === "label" || name === "split") sizes.set(`column-${name}`, (dtype === "u1" ? 1 : 2) * manifest.rows);
  }
  if (manifest.ids) sizes.set("ids", 4 * manifest.rows);
  const total = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
  const parts = new Map<string, number>();
  await Promise.allSettled(
    [...sizes.keys()].map((name) =>
      resources.bytes(name, (done) => {
        parts.set(name, Math.min(done, sizes.get(name)!));
        const sum = [...parts.values()].reduce((all, bytes) => all + bytes, 0);
        arrived.value = { done: sum, total };
      }),
    ),
  );
}
