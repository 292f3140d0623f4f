/** Choosing the two ends: on the map, by id, by class, or the image whose card is open. */

import { useState } from "preact/hooks";
import type { App } from "../../contracts.ts";
import { Shot } from "../../parts/Film.tsx";
import { nameOf } from "../../parts/odds.ts";
import { useReal } from "../../parts/useReal.ts";
import { placedClasses } from "../../shell/classes.ts";
import type { End } from "./ends.ts";
import { setEnd, storeOf, turnRound, type Side } from "./store.ts";

/** Both ends, with a button that lets them change places. */
export function Ends({ app }: { app: App }) {
  return (
    <div class="walk-ends">
      <div class="walk-both">
        <One app={app} side="start" letter="A" />
        <One app={app} side="end" letter="B" />
      </div>
      <button
        type="button"
        class="button walk-swap"
        aria-label={app.t("walk.swap")}
        title={app.t("walk.swap")}
        onClick={() => turnRound(app)}
      >
        ⇅
      </button>
    </div>
  );
}

function One({ app, side, letter }: { app: App; side: Side; letter: string }) {
  const store = storeOf(app);
  const { t } = app;
  const end = store[side].value;
  const picking = store.picking.value === side;
  const pinned = app.state.pinned.value;
  return (
    <fieldset class="walk-one">
      <legend>
        <b>{letter}</b> {t(`walk.${side}`)}
      </legend>
      <Face app={app} side={side} end={end} />
      <IdField app={app} side={side} end={end} />
      {app.manifest.classes.length > 0 && <ClassField app={app} side={side} end={end} />}
      <button
        type="button"
        class="button walk-pick"
        aria-pressed={picking}
        aria-label={t("walk.pick", { letter })}
        title={t("walk.pick", { letter })}
        onClick={() => (store.picking.value = picking ? null : side)}
      >
        <svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true">
          <path d="M12 2v6M12 16v6M2 12h6M16 12h6M12 11.9v.2" />
        </svg>
      </button>
      {pinned >= 0 && !isRow(end, pinned) && (
        <button
          type="button"
          class="button walk-card"
          onClick={() => setEnd(app, side, { kind: "row", row: pinned })}
        >
          {t("walk.open", { id: app.columns.id(pinned) })}
        </button>
      )}
    </fieldset>
  );
}

function isRow(end: End | null, row: number): boolean {
  return end?.kind === "row" && end.row === row;
}

/** The picture of an end: the original where it is a row, else what the decoder made. */
function Face({ app, side, end }: { app: App; side: Side; end: End | null }) {
  const store = storeOf(app);
  const real = useReal(app, store.rows.value[side]);
  const images = store.ways.value[0]?.images;
  const drawn = images?.[side === "start" ? 0 : images.length - 1] ?? null;
  const image = real ?? (end ? drawn : null);
  if (!image) return <span class="walk-face walk-noface" aria-hidden="true" />;
  return <Shot image={image} alt={endInWords(app, end)} class="walk-face" />;
}

/** An end in words. */
export function endInWords(app: App, end: End | null): string {
  if (!end) return app.t("walk.none");
  if (end.kind === "z") return end.name;
  if (end.kind === "class") return app.t("walk.typical", { name: nameOf(app.manifest, end.label) });
  return app.t("walk.image", { id: app.columns.id(end.row) });
}

function IdField({ app, side, end }: { app: App; side: Side; end: End | null }) {
  const row = storeOf(app).rows.value[side];
  const [wrong, setWrong] = useState(false);
  // What is being typed stays while the other end is still being found.
  const [typed, setTyped] = useState<string | null>(null);
  const set = (text: string): void => {
    setTyped(null);
    const found = text.trim() === "" ? -1 : app.columns.row(Number(text));
    setWrong(text.trim() !== "" && found < 0);
    if (found >= 0) setEnd(app, side, { kind: "row", row: found });
  };
  const shown = end?.kind === "z" ? "" : row >= 0 ? String(app.columns.id(row)) : "";
  return (
    <label class="field">
      <span>{wrong ? app.t("walk.id.wrong") : app.t("walk.id")}</span>
      <input
        type="number"
        inputMode="numeric"
        min={0}
        value={typed ?? shown}
        placeholder={end?.kind === "z" ? end.name : ""}
        aria-invalid={wrong}
        onInput={(event) => setTyped(event.currentTarget.value)}
        onChange={(event) => set(event.currentTarget.value)}
        onBlur={() => setTyped(null)}
      />
    </label>
  );
}

function ClassField({ app, side, end }: { app: App; side: Side; end: End | null }) {
  const { t } = app;
  const choose = (text: string): void => {
    if (text !== "") setEnd(app, side, { kind: "class", label: Number(text) });
  };
  return (
    <label class="field">
      <span>{t("walk.class")}</span>
      <select
        value={end?.kind === "class" ? String(end.label) : ""}
        onInput={(event) => choose(event.currentTarget.value)}
      >
        <option value="">{t("walk.class.none")}</option>
        {placedClasses(app.manifest).map((each, label) => (
          <option key={label} value={String(label)}>
            {each.name}
          </option>
        ))}
      </select>
    </label>
  );
}
