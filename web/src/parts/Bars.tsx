/** Counts as bars that can be clicked. */

import { useState } from "preact/hooks";
import "./parts.css";

const FIRST = 12;

/** One bar. */
export interface Bar {
  key: number;
  name: string;
  /** Any CSS colour. */
  colour: string;
  count: number;
}

/** Bars in the order given; of more than twelve the rest is shown on demand. `hint`: what a click
 * on a bar does; `more`: the words of the button, filled in by the caller for n more. */
export function Bars(props: {
  bars: Bar[];
  hint(bar: Bar): string;
  more(n: number): string;
  onPick(bar: Bar): void;
}) {
  const [all, setAll] = useState(false);
  const most = props.bars.reduce((high, bar) => Math.max(high, bar.count), 1);
  const shown = all ? props.bars : props.bars.slice(0, FIRST);
  const rest = props.bars.length - shown.length;
  return (
    <>
      <ul class="bars">
        {shown.map((bar) => (
          <li key={bar.key}>
            <button type="button" title={props.hint(bar)} onClick={() => props.onPick(bar)}>
              <span class="bars-name">{bar.name}</span>
              <span class="bars-track">
                <span
                  class="bars-fill"
                  style={{ width: `${(100 * bar.count) / most}%`, background: bar.colour }}
                />
              </span>
              <span class="bars-count">{bar.count.toLocaleString()}</span>
            </button>
          </li>
        ))}
      </ul>
      {rest > 0 && (
        <button type="button" class="button" onClick={() => setAll(true)}>
          {props.more(rest)}
        </button>
      )}
    </>
  );
}
