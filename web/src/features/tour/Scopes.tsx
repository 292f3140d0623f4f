/** Step 6: one space for all, or one for each class. */

import type { App } from "../../contracts.ts";

/** Together and apart, and what kind of space this is. */
export function Scopes({ app }: { app: App }) {
  const { manifest, state, t } = app;
  return (
    <div class="tour-part">
      <button class="button" aria-pressed={state.apart.value} onClick={() => (state.apart.value = !state.apart.value)}>
        {t("tour.scopes.toggle")}
      </button>
      <p>{t(`tour.scopes.${manifest.scope}`)}</p>
      <p class="muted small">
        <code>latlas compare {manifest.source}</code>
      </p>
    </div>
  );
}
