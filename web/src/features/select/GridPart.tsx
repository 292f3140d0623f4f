/** The selected images, in order of any number that is known of them. */

import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { aboutOf, titleOf } from "../../parts/columns.ts";
import { Term } from "../../parts/Term.tsx";
import { Thumb } from "../../parts/Thumb.tsx";
import { VirtualGrid } from "../../parts/VirtualGrid.tsx";
import type { App } from "../../contracts.ts";
import { editsOf } from "./edits.ts";
import type { PartProps } from "./Panel.tsx";
import { sorted } from "./sets.ts";

const SIDE = 52;
const GAP = 6;
const HEIGHT = 5 * (SIDE + GAP) + 2;
const DIGITS = 4;

/** The grid with its order. */
export function GridPart({ app, rows }: PartProps) {
  const { t, manifest } = app;
  const numbers = manifest.columns.filter((column) => column.kind === "number");
  const by = useSignal("");
  const down = useSignal(true);
  const values = useSignal<Float32Array | Int16Array | null>(null);
  useEffect(() => {
    const name = by.value;
    if (!name) {
      values.value = null;
      return;
    }
    app.columns.column(name).then(
      (column) => {
        if (by.value === name) values.value = column;
      },
      (error: Error) => app.say(error.message, "error"),
    );
  }, [by.value]);
  const column = values.value;
  const descending = column ? down.value : false;
  const shown = useMemo(() => sorted(rows, column, descending), [rows, column, descending]);
  const info = numbers.find((each) => each.name === by.value);
  const describe = (index: number) => describeRow(app, shown[index], column);
  return (
    <section>
      <div class="select-row select-fields">
        <label class="field select-beside">
          <span>{t("select.sort")}</span>
          <select value={by.value} onChange={(event) => (by.value = event.currentTarget.value)}>
            <option value="">{t("select.sort.row")}</option>
            {numbers.map((each) => (
              <option key={each.name} value={each.name}>
                {titleOf(app, each)}
              </option>
            ))}
          </select>
        </label>
        {info && aboutOf(app, info) && <Term app={app} word={titleOf(app, info)} about={aboutOf(app, info)} />}
        {column && (
          <button type="button" class="button" onClick={() => (down.value = !down.value)}>
            {t(down.value ? "select.sort.down" : "select.sort.up")}
          </button>
        )}
      </div>
      <RowGrid app={app} rows={shown} label={t("select.grid")} describe={describe} />
    </section>
  );
}

/** A grid of rows; a click opens the card of one, hovering rings it on the map. */
export function RowGrid(props: {
  app: App;
  rows: Uint32Array;
  label: string;
  describe(index: number): string;
  height?: number;
}) {
  const { app, rows } = props;
  // Colours and names of the labels follow the reader's changes.
  void editsOf(app).state.value;
  return (
    <VirtualGrid
      count={rows.length}
      label={props.label}
      cellWidth={SIDE + GAP}
      cellHeight={SIDE + GAP}
      maxHeight={props.height ?? HEIGHT}
      describe={props.describe}
      onOpen={(index) => app.goTo(rows[index])}
      onHover={(index) => (app.state.hover.value = index < 0 ? -1 : rows[index])}
      render={(index) => (
        <span class="select-cell" title={props.describe(index)}>
          <Thumb app={app} row={rows[index]} size={SIDE} />
          <i style={{ background: colourOf(app, rows[index]) }} />
        </span>
      )}
    />
  );
}

function colourOf(app: App, row: number): string {
  return app.manifest.classes[app.columns.labels[row]]?.colour ?? "transparent";
}

/** A row in words: its id, its label, and the number that it is sorted by. */
export function describeRow(app: App, row: number, column?: ArrayLike<number> | null): string {
  const label = app.manifest.classes[app.columns.labels[row]]?.name;
  const value = column ? column[row] : NaN;
  return [
    app.t("select.id", { id: app.columns.id(row) }),
    ...(label === undefined ? [] : [label]),
    ...(Number.isNaN(value) ? [] : [String(Number(value.toPrecision(DIGITS)))]),
  ].join(" · ");
}
