/** Ways to select: tools of the map, everything, nothing, the others, a class, a tag. */

import { useSignal } from "@preact/signals";
import { editsOf } from "./edits.ts";
import type { PartProps } from "./Panel.tsx";
import { asSet, combine, everyRow, inverted, rowsWith, type Mode } from "./sets.ts";
import { choose, shownOf } from "./tools.ts";

const MODES: Mode[] = ["replace", "add", "subtract"];

/** Buttons and choices that make a selection. */
export function ChoosePart({ app, rows }: PartProps) {
  const { t, state, columns } = app;
  const mode = useSignal<Mode>("replace");
  const take = async (drawn: Uint32Array, how: Mode = mode.value) =>
    choose(app, combine(rows, await shownOf(app, drawn), how));
  const tool = (id: string) => (
    <button
      type="button"
      class="button"
      aria-pressed={state.tool.value === id}
      title={t(`select.${id}.about`)}
      onClick={() => (state.tool.value = state.tool.value === id ? "pan" : id)}
    >
      {t(`select.${id}`)}
    </button>
  );
  const plain = (word: string, run: () => void, disabled = false) => (
    <button type="button" class="button" disabled={disabled} onClick={run}>
      {t(word)}
    </button>
  );
  return (
    <>
      <div class="select-row">
        {tool("lasso")}
        {tool("box")}
        <span class="select-gap" />
        {plain("select.all", () => void take(everyRow(columns.rows), "replace"))}
        {plain("select.none", () => choose(app, new Uint32Array(0)), !rows.length)}
        {plain("select.invert", () => void take(inverted(rows, columns.rows), "replace"))}
      </div>
      <div class="select-row select-fields">
        <ClassField app={app} rows={rows} onPick={(drawn) => void take(drawn)} />
        <label class="field">
          <span>{t("select.mode")}</span>
          <select
            value={mode.value}
            onChange={(event) => (mode.value = event.currentTarget.value as Mode)}
          >
            {MODES.map((each) => (
              <option key={each} value={each}>
                {t(`select.mode.${each}`)}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Tags app={app} rows={rows} onPick={(drawn) => void take(drawn)} />
    </>
  );
}

type PickProps = PartProps & { onPick(drawn: Uint32Array): void };

/** A choice that selects every row of a class. */
function ClassField({ app, onPick }: PickProps) {
  const { classes } = app.manifest;
  if (!classes.length) return null;
  return (
    <label class="field">
      <span>{app.t("select.byclass")}</span>
      <select
        value=""
        onChange={(event) => {
          const picked = event.currentTarget.value;
          event.currentTarget.value = "";
          if (picked !== "") onPick(rowsWith(app.columns.labels, Number(picked)));
        }}
      >
        <option value="">{app.t("select.byclass.none")}</option>
        {classes.map((each, label) => (
          <option key={label} value={label}>
            {each.name}
          </option>
        ))}
        <option value={-1}>{app.t("select.unknown")}</option>
      </select>
    </label>
  );
}

/** The tags that are in use; a click selects what carries one. */
function Tags({ app, onPick }: PickProps) {
  const { tags } = editsOf(app).state.value;
  const names = Object.keys(tags).sort();
  if (!names.length) return null;
  return (
    <div class="select-row" role="group" aria-label={app.t("select.bytag")}>
      <span class="select-muted">{app.t("select.bytag")}</span>
      {names.map((tag) => (
        <button
          key={tag}
          type="button"
          class="button select-tag"
          onClick={() => {
            const found = tags[tag].map((id) => app.columns.row(id));
            onPick(asSet(found.filter((row) => row >= 0)));
          }}
        >
          {tag} <span class="select-muted">{tags[tag].length.toLocaleString()}</span>
        </button>
      ))}
    </div>
  );
}
