/** Odds as bars with words: the likeliest classes, one under the other. */

import type { Manifest } from "../contracts.ts";
import { nameOf, percent, shownColour } from "./odds.ts";

const MOST = 3;

/** The three likeliest classes, without those below `least` but for the first. */
export function TopOdds(props: { manifest: Manifest; odds: ArrayLike<number>; least?: number; title: string }) {
  const { manifest, odds, least = 0, title } = props;
  const top = Array.from(odds, (share, label) => ({ share, label }))
    .sort((a, b) => b.share - a.share)
    .slice(0, MOST)
    .filter(({ share }, rank) => rank === 0 || share >= least);
  const widest = Math.max(...top.map(({ label }) => nameOf(manifest, label).length));
  return (
    <div class="odds" role="group" aria-label={title}>
      {top.map(({ share, label }) => (
        <div
          key={label}
          class="bar"
          style={{
            gridTemplateColumns: `min(${widest + 1}ch, 6em) 1fr 3.2em`,
            "--dot": shownColour(manifest, label),
            "--share": `${share * 100}%`,
          }}
        >
          <span title={nameOf(manifest, label)}>{nameOf(manifest, label)}</span>
          <i />
          <b>{percent(share)}</b>
        </div>
      ))}
    </div>
  );
}
