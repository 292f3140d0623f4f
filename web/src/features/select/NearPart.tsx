/** The images that are nearest to the selected ones, in the latent space. */

import { useSignal } from "@preact/signals";
import { type App, type Near, wordsOf } from "../../contracts.ts";
import { describeRow, RowGrid } from "./GridPart.tsx";
import { meanOf, nearestToAny, nearestToOne, thinned, type Ask } from "./near.ts";
import type { PartProps } from "./Panel.tsx";
import { asSet, combine } from "./sets.ts";
import { choose } from "./tools.ts";

/** So many members are asked for their neighbours; of more, as many evenly spread ones. */
const MOST_MEMBERS = 2000;
const MOST = 1000;
const GRID = 190;

/** The label whose rows alone can be compared with these, -1 for all rows; null where rows of
 * several classes lie in spaces of their own. */
export function commonTold(app: App, rows: Uint32Array): number | null {
  if (app.manifest.scope !== "per-class") return -1;
  const told = app.toldOf(rows[0]);
  return rows.every((row) => app.toldOf(row) === told) ? told : null;
}

/** The question, and the rows that answer it. */
export function NearPart({ app, rows }: PartProps) {
  const { t } = app;
  const k = useSignal(24);
  const to = useSignal<"mean" | "any">("mean");
  const done = useSignal(-1);
  const near = useSignal<Near | null>(null);
  const among = commonTold(app, rows);
  const run = async () => {
    near.value = null;
    done.value = 0;
    const stopped = () => done.value < 0;
    try {
      const found = await nearTo(app, rows, k.value, to.value, among ?? -1, (part) => {
        if (!stopped()) done.value = part;
      }, stopped);
      near.value = found;
    } catch (error) {
      app.say(wordsOf(error), "error");
    } finally {
      done.value = -1;
    }
  };
  if (among === null) return <p class="select-note">{t("select.oneclass")}</p>;
  return (
    <>
      <div class="select-row select-fields">
        <label class="field select-short">
          <span>{t("select.near.k")}</span>
          <input
            type="number"
            min={1}
            max={MOST}
            value={k.value}
            onInput={(event) => {
              const asked = Math.round(Number(event.currentTarget.value));
              if (asked >= 1) k.value = Math.min(MOST, asked);
            }}
            onBlur={(event) => (event.currentTarget.value = String(k.value))}
          />
        </label>
        <label class="field">
          <span>{t("select.near.to")}</span>
          <select
            value={to.value}
            onChange={(event) => (to.value = event.currentTarget.value as "mean" | "any")}
          >
            <option value="mean">{t("select.near.mean")}</option>
            <option value="any">{t("select.near.any")}</option>
          </select>
        </label>
        {done.value < 0 ? (
          <button type="button" class="button primary" onClick={() => void run()}>
            {t("select.near.find")}
          </button>
        ) : (
          <button type="button" class="button" onClick={() => (done.value = -1)}>
            {t("select.stop")} {Math.round(done.value * 100)}%
          </button>
        )}
      </div>
      {to.value === "any" && rows.length > MOST_MEMBERS && (
        <p class="select-note">{t("select.near.thinned", { count: MOST_MEMBERS.toLocaleString() })}</p>
      )}
      {near.value && <Found app={app} rows={rows} near={near.value} />}
    </>
  );
}

async function nearTo(
  app: App,
  rows: Uint32Array,
  k: number,
  to: "mean" | "any",
  among: number,
  onProgress: (done: number) => void,
  stopped: () => boolean,
): Promise<Near | null> {
  const dim = app.manifest.latentDim;
  const members = new Set(rows);
  const ask: Ask = (z, count, without) => app.latents.nearest(z, count, undefined, among, without);
  if (to === "mean") {
    const z = await app.latentsOf(rows);
    return nearestToOne(ask, meanOf(z, dim), k, members, app.columns.rows);
  }
  const z = await app.latentsOf(thinned(rows, MOST_MEMBERS));
  return nearestToAny(ask, z, dim, k, members, app.columns.rows, onProgress, stopped);
}

function Found({ app, rows, near }: PartProps & { near: Near }) {
  const { t } = app;
  const distances = new Map(Array.from(near.rows, (row, i) => [row, near.distances[i]]));
  return (
    <>
      <RowGrid
        app={app}
        rows={near.rows}
        label={t("select.near")}
        height={GRID}
        describe={(index) => {
          const distance = distances.get(near.rows[index])!.toPrecision(3);
          return `${describeRow(app, near.rows[index])} · ${t("select.distance", { distance })}`;
        }}
      />
      <div class="select-row">
        <button type="button" class="button" onClick={() => choose(app, combine(rows, near.rows, "add"))}>
          {t("select.near.add")}
        </button>
        <button type="button" class="button" onClick={() => choose(app, asSet(near.rows))}>
          {t("select.near.select")}
        </button>
      </div>
    </>
  );
}
