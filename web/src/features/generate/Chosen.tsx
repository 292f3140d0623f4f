/** The sample that is looked at, beside its nearest real image, and where to go from it. */

import type { App } from "../../contracts.ts";
import { OddsBar, Shot } from "../../parts/Film.tsx";
import { nameOf, oddsInWords, percent, shareBelow } from "../../parts/odds.ts";
import { walkFrom } from "../walk/store.ts";
import { length } from "./facts.ts";
import { Real } from "./Grid.tsx";
import type { Sample } from "./sample.ts";
import { storeOf } from "./store.ts";

/** The box of one sample; a hint while none is chosen. */
export function Chosen({ app }: { app: App }) {
  const store = storeOf(app);
  const sample = store.samples.value[store.chosen.value];
  const { t } = app;
  if (!sample) return <p class="generate-muted">{t("generate.hint")}</p>;
  const { row } = sample.near;
  const here = { kind: "z" as const, z: sample.z, label: sample.told, name: t("generate.new") };
  return (
    <div class="generate-chosen" aria-live="polite">
      <figure>
        <Shot image={sample.image} alt={t("generate.new")} />
        <figcaption>{t("generate.new")}</figcaption>
      </figure>
      <figure>
        <button
          type="button"
          class="generate-open"
          disabled={row < 0}
          title={t("generate.open")}
          onClick={() => app.goTo(row)}
        >
          <Real app={app} row={row} />
        </button>
        <figcaption>{t("generate.real", { id: row < 0 ? "?" : app.columns.id(row) })}</figcaption>
      </figure>
      <div class="generate-says">
        <Odds app={app} sample={sample} />
      </div>
      <p class="generate-muted generate-wide">{nearness(app, sample)}</p>
      <div class="generate-buttons generate-wide">
        <button type="button" class="button" onClick={() => walkFrom(app, here)}>
          {t("generate.walk")}
        </button>
        {row >= 0 && (
          <button type="button" class="button" onClick={() => walkFrom(app, here, { kind: "row", row })}>
            {t("generate.walk.real")}
          </button>
        )}
      </div>
    </div>
  );
}

function Odds({ app, sample }: { app: App; sample: Sample }) {
  const others = app.t("generate.others");
  if (!sample.odds) return <span>{nameOf(app.manifest, sample.told, "")}</span>;
  return (
    <>
      <span>{oddsInWords(app.manifest, sample.odds, others)}</span>
      <OddsBar manifest={app.manifest} odds={sample.odds} others={others} />
    </>
  );
}

function nearness(app: App, sample: Sample): string {
  const distance = length(sample.near.distance);
  const share = shareBelow(app.manifest.fog, sample.near.distance);
  if (Number.isNaN(share)) return app.t("generate.apart", { distance });
  return app.t("generate.closer", { distance, share: percent(share) });
}
