/** What the colours mean, and which classes are shown. */

import { useSignal } from "@preact/signals";
import type { App, ClassInfo } from "../contracts.ts";
import { aboutOf, titleOf } from "../parts/columns.ts";
import { Term } from "../parts/Term.tsx";
import { onPaper, ramp, UNKNOWN } from "./colours.ts";
import type { Frame } from "./frame.ts";

const MANY = 14;

/** The legend of the column that the points are coloured by. */
export function Legend({ app, frame }: { app: App; frame: Frame }) {
  const { column, entries, unknown } = frame.colouring.value;
  const folded = useSignal(window.innerWidth < 700);
  if (!column) return null;
  return (
    <section class="legend" aria-label={app.t("legend")}>
      <header>
        <button class="fold" aria-expanded={!folded.value} onClick={() => (folded.value = !folded.value)}>
          {titleOf(app, column)}
        </button>
        {!folded.value && aboutOf(app, column) && <Term app={app} word={titleOf(app, column)} about={aboutOf(app, column)} />}
        {!folded.value && app.state.hidden.value.size > 0 && (
          <button class="link" onClick={() => (app.state.hidden.value = new Set())}>
            {app.t("legend.all")}
          </button>
        )}
      </header>
      {folded.value ? null : column.kind === "class" ? (
        <Classes app={app} frame={frame} entries={entries} unknown={unknown} />
      ) : (
        <Ramp low={column.low ?? 0} high={column.high ?? 1} dark={frame.dark.value} unit={column.unit ?? ""} />
      )}
    </section>
  );
}

interface Given {
  app: App;
  frame: Frame;
  entries: ClassInfo[];
  unknown: number;
}

function Classes({ app, frame, entries, unknown }: Given) {
  const sought = useSignal("");
  const hidden = app.state.hidden;
  const all = entries.map((entry, value) => ({ entry, value }));
  if (unknown) {
    all.push({ entry: { name: app.t("legend.unknown"), colour: UNKNOWN, count: unknown }, value: -1 });
  }
  const shown = all.filter(({ entry }) => entry.name.toLowerCase().includes(sought.value.trim().toLowerCase()));
  const toggle = (value: number) => {
    const next = new Set(hidden.value);
    if (!next.delete(value)) next.add(value);
    hidden.value = next;
  };
  const solo = (value: number) => {
    const alone = entries.every((_, other) => other === value || hidden.value.has(other)) && !hidden.value.has(value);
    hidden.value = alone ? new Set() : new Set([-1, ...entries.keys()].filter((other) => other !== value));
  };
  return (
    <>
      {all.length > MANY && (
        <input
          type="search"
          placeholder={app.t("legend.search")}
          aria-label={app.t("legend.search")}
          value={sought.value}
          onInput={(event) => (sought.value = event.currentTarget.value)}
        />
      )}
      <ul title={app.t("legend.hint")}>
        {shown.map(({ entry, value }) => (
          <li key={value}>
            <button
              class="class"
              role="switch"
              aria-checked={!hidden.value.has(value)}
              aria-label={app.t("legend.toggle", { name: entry.name })}
              data-class={value}
              style={{ "--dot": onPaper(entry.colour, frame.dark.value) }}
              onClick={(event) => (event.shiftKey || event.altKey ? solo(value) : toggle(value))}
              onDblClick={() => solo(value)}
            >
              <i />
              <span>{entry.name}</span>
              <small>{entry.count.toLocaleString()}</small>
            </button>
            <button class="only" aria-label={app.t("legend.only", { name: entry.name })} title={app.t("legend.only", { name: entry.name })} onClick={() => solo(value)}>
              ◎
            </button>
          </li>
        ))}
        {shown.length === 0 && <li class="muted">{app.t("legend.none")}</li>}
      </ul>
    </>
  );
}

function Ramp({ low, high, dark, unit }: { low: number; high: number; dark: boolean; unit: string }) {
  const shades = ramp(dark);
  const stops = [0, 12, 25, 38, 51, 63].map((at) => shades[at]).join(", ");
  return (
    <div class="ramp">
      <div style={{ background: `linear-gradient(90deg, ${stops})` }} />
      <span>{short(low)}</span>
      <span>
        {short(high)} {unit}
      </span>
    </div>
  );
}

function short(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  return size >= 1000 || size < 0.001 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}
