/** Step 5: the borders of the classes. */

import type { App } from "../../contracts.ts";

/** The classifier's accuracy, and the borders on and off. */
export function Decision({ app }: { app: App }) {
  const { manifest, state, t } = app;
  const known = manifest.knn ?? manifest.linear;
  const accuracy = known?.accuracy;
  return (
    <div class="tour-part">
      {accuracy ? (
        <p class="tour-figure">
          <b>{(accuracy * 100).toFixed(1)}%</b> {t("tour.classify.figure")}
        </p>
      ) : (
        <p class="muted small">{t("tour.classify.none", { name: `${manifest.name}.latlas` })}</p>
      )}
      {manifest.borders.length > 0 && (
        <button class="button" aria-pressed={state.borders.value} onClick={() => (state.borders.value = !state.borders.value)}>
          {t("tour.classify.toggle")}
        </button>
      )}
    </div>
  );
}
