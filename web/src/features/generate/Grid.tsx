/** The samples, each with its odds and, where wanted, its nearest real image. */

import type { App } from "../../contracts.ts";
import { OddsBar, Shot } from "../../parts/Film.tsx";
import { nameOf, oddsInWords } from "../../parts/odds.ts";
import { useReal } from "../../parts/useReal.ts";
import { writeAsk } from "./ask.ts";
import { length } from "./facts.ts";
import type { Sample } from "./sample.ts";
import { choose, storeOf } from "./store.ts";

/** All samples as buttons; arrows move among them. */
export function Grid({ app }: { app: App }) {
  const store = storeOf(app);
  const samples = store.samples.value;
  const pairs = store.pairs.value;
  const chosen = store.chosen.value;
  return (
    <div
      class={`generate-grid${pairs ? " generate-pairs" : ""}`}
      role="group"
      aria-label={app.t("generate.grid")}
      data-drawn={store.answered.value ? writeAsk(store.answered.value) : ""}
      onKeyDown={moveFocus}
    >
      {samples.map((sample, i) => (
        <Cell
          key={i}
          app={app}
          sample={sample}
          number={i}
          pairs={pairs}
          asked={store.answered.value?.label ?? -1}
          chosen={i === chosen}
          focusable={i === Math.max(0, chosen)}
        />
      ))}
    </div>
  );
}

function Cell(props: {
  app: App;
  sample: Sample;
  number: number;
  pairs: boolean;
  asked: number;
  chosen: boolean;
  focusable: boolean;
}) {
  const { app, sample, number, asked } = props;
  const { manifest, t } = app;
  const others = t("generate.others");
  const missed = asked >= 0 && sample.reads >= 0 && sample.reads !== asked;
  const words = t("generate.sample", {
    number: number + 1,
    odds: missed
      ? t("generate.sample.asked", { asked: nameOf(manifest, asked), reads: nameOf(manifest, sample.reads) })
      : sample.odds
        ? oddsInWords(manifest, sample.odds, others)
        : nameOf(manifest, sample.told, "-"),
    distance: length(sample.near.distance),
  });
  return (
    <button
      type="button"
      class={`generate-cell${missed ? " generate-missed" : ""}`}
      aria-pressed={props.chosen}
      aria-label={words}
      title={words}
      tabIndex={props.focusable ? 0 : -1}
      onClick={() => choose(app, number)}
    >
      <span class="generate-pair">
        <Shot image={sample.image} alt="" />
        {props.pairs && <Real app={app} row={sample.near.row} />}
      </span>
      {sample.odds && <OddsBar manifest={manifest} odds={sample.odds} others={others} />}
      <span class="generate-name">
        <span>{nameOf(manifest, sample.reads, "")}</span>
        {props.pairs && <span>{length(sample.near.distance)}</span>}
      </span>
    </button>
  );
}

/** The real image of a row in the width that it has. */
export function Real({ app, row }: { app: App; row: number }) {
  const image = useReal(app, row);
  const id = row < 0 ? "?" : app.columns.id(row);
  if (!app.pictures) return <span class="generate-noimage">{app.t("generate.real", { id })}</span>;
  return <Shot image={image} alt={app.t("generate.real.alt", { id })} class="generate-real" />;
}

const STEPS: Record<string, (columns: number) => number> = {
  ArrowLeft: () => -1,
  ArrowRight: () => 1,
  ArrowUp: (columns) => -columns,
  ArrowDown: (columns) => columns,
  Home: () => -Infinity,
  End: () => Infinity,
};

function moveFocus(event: KeyboardEvent): void {
  const step = STEPS[event.key];
  const grid = event.currentTarget as HTMLElement;
  const cells = [...grid.children] as HTMLElement[];
  const place = cells.indexOf(document.activeElement as HTMLElement);
  if (!step || place < 0) return;
  event.preventDefault();
  event.stopPropagation();
  const columns = cells.filter((cell) => cell.offsetTop === cells[0].offsetTop).length;
  cells[Math.min(cells.length - 1, Math.max(0, place + step(columns)))].focus();
}
