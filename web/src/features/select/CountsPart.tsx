/** How many of the selected are of each class. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { titleOf } from "../../parts/columns.ts";
import { Bars, type Bar } from "../../parts/Bars.tsx";
import type { App, ColumnInfo } from "../../contracts.ts";
import { editsOf } from "./edits.ts";
import type { PartProps } from "./Panel.tsx";
import { counts } from "./sets.ts";
import { choose } from "./tools.ts";

const UNKNOWN = "var(--muted)";

/** Bars of any class column, the label first; a click keeps only that class in the selection. */
export function CountsPart({ app, rows }: PartProps) {
  const { t, manifest } = app;
  const choices = manifest.columns.filter((column) => column.kind === "class");
  const by = useSignal(choices.find((each) => each.name === "label")?.name ?? choices[0]?.name ?? "");
  const values = useSignal<Int16Array | null>(null);
  void editsOf(app).state.value;
  useEffect(() => {
    values.value = null;
    void classValues(app, by.value).then((found) => (values.value = found));
  }, [by.value]);
  const info = choices.find((each) => each.name === by.value);
  if (!info) return null;
  return (
    <section class="select-counts">
      {choices.length > 1 && (
        <label class="field select-beside">
          <span>{t("select.countby")}</span>
          <select value={by.value} onChange={(event) => (by.value = event.currentTarget.value)}>
            {choices.map((each) => (
              <option key={each.name} value={each.name}>
                {titleOf(app, each)}
              </option>
            ))}
          </select>
        </label>
      )}
      {values.value && (
        <Bars
          bars={barsOf(app, info, values.value, rows)}
          hint={(bar) => t("select.keep", { name: bar.name })}
          more={(n) => t("select.more", { count: n })}
          onPick={(bar) => {
            const column = values.value!;
            choose(app, rows.filter((row) => column[row] === bar.key));
          }}
        />
      )}
    </section>
  );
}

/** int16 [N] of a class column; the labels with the reader's changes on top. */
export async function classValues(app: App, name: string): Promise<Int16Array | null> {
  if (name === "label") return app.columns.labels;
  if (!name) return null;
  const values = await app.columns.column(name);
  return values instanceof Int16Array ? values : null;
}

/** The bars of a selection, the fullest first, empty classes left out. */
function barsOf(app: App, info: ColumnInfo, values: Int16Array, rows: Uint32Array): Bar[] {
  const { classes } = app.manifest;
  const names = info.names ?? classes.map((each) => each.name);
  const colours = info.colours ?? (names.length === classes.length ? classes.map((each) => each.colour) : []);
  const found = counts(values, rows, names.length);
  const bars = names.map((name, key): Bar => ({
    key,
    name,
    colour: colours[key] ?? UNKNOWN,
    count: found[key],
  }));
  bars.push({ key: -1, name: app.t("select.unknown"), colour: UNKNOWN, count: found[names.length] });
  return bars.filter((bar) => bar.count > 0).sort((a, b) => b.count - a.count || a.key - b.key);
}
