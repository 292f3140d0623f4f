/** Step 2: from dots to images, and the decoder under the cursor. */

import type { App } from "../../contracts.ts";

/** Buttons that show what the points stand for. */
export function Whole({ app }: { app: App }) {
  const { state, t } = app;
  const kinds = (["dots", "images", "decoded"] as const).filter(
    (kind) => kind === "dots" || (kind === "images" ? app.pictures : app.decoder),
  );
  return (
    <div class="tour-part">
      <div class="segments" role="group" aria-label={t("show")}>
        {kinds.map((kind) => (
          <button key={kind} aria-pressed={state.show.value === kind} onClick={() => (state.show.value = kind)}>
            {t(`show.${kind}`)}
          </button>
        ))}
      </div>
      {app.decoder && <p class="muted small">{t("tour.space.try")}</p>}
    </div>
  );
}
